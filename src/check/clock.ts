import type { Micros } from "../model/time.ts";
import type { Answer } from "./ask.ts";
import type { Finding } from "./finding.ts";

const SECOND: Micros = 1_000_000;
/** From here on order across venues suffers, and signatures come to depend on luck. */
const WARN: Micros = SECOND;
/** The oldest signature that Kalshi is known to take, nearly (demo, June 2026: −5 s passes, −30 s fails). */
const FAIL: Micros = 10 * SECOND;

/**
 * How far our clock is from a venue's, from its `Date` headers. Each names a whole second and was written between question and
 * answer, so each bounds the offset on both sides; what is judged is only what the bounds prove. Null without any header.
 */
export function clockFinding(venue: string, answers: readonly Answer[]): Finding | null {
  const dated = answers.flatMap(({ date, askedAt, answeredAt }) => {
    const at = date === null ? Number.NaN : Date.parse(date) * 1000;
    return Number.isNaN(at) ? [] : [{ low: askedAt - at - SECOND, high: answeredAt - at }];
  });
  if (dated.length === 0) return null;
  const low = Math.max(...dated.map((each) => each.low));
  const high = Math.min(...dated.map((each) => each.high));
  // Bounds that exclude each other: the servers behind the venue disagree, by their difference at most.
  const proven = low > high ? 0 : Math.max(0, low, -high);
  const seconds = (Math.abs(low + high) / 2 / SECOND).toFixed(1);
  if (proven <= WARN)
    return { check: "clock", status: "ok", detail: `${venue}: agrees with ours, as far as whole seconds tell` };
  return {
    check: "clock",
    status: proven > FAIL ? "fail" : "warn",
    detail: `${venue}: our clock is about ${seconds} s ${low > 0 ? "ahead" : "behind"}`,
    hint: "let NTP set this machine's clock, for example: timedatectl set-ntp true",
  };
}
