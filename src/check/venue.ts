import type { Micros } from "../model/time.ts";
import { ForetapeError, messageOf } from "../ops/errors.ts";
import type { LiveVenue } from "../venues/venue.ts";
import { type Answer, ask } from "./ask.ts";
import { clockFinding } from "./clock.ts";
import type { Finding } from "./finding.ts";

export interface VenueCheck {
  readonly id: string;
  /** Makes what `record` needs of the venue. May throw `UsageError` for a key that cannot be used. */
  readonly live: () => LiveVenue;
  /** The same without keys, to tell whether the venue can be reached all the same. */
  readonly withoutKeys: () => LiveVenue;
  readonly userAgent: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

interface Question {
  readonly proves: string;
  readonly url: string;
  readonly headers: (now: Micros) => Readonly<Record<string, string>>;
}

/** Asks a venue its own probes and for a handshake, all at once, and compares clocks. */
export async function checkVenue({
  id,
  live,
  withoutKeys,
  userAgent,
  timeoutMs,
  signal,
}: VenueCheck): Promise<Finding[]> {
  const findings: Finding[] = [];
  let venue: LiveVenue;
  try {
    venue = live();
  } catch (error) {
    findings.push(keyFinding(id, error));
    venue = withoutKeys();
  }
  if (venue.unavailable !== null && findings.length === 0)
    findings.push({ check: "keys", status: "warn", detail: `${id}: recorded by REST only: ${venue.unavailable}` });
  const handshake: Question = {
    proves: "WebSocket",
    url: venue.handshake(0).url,
    headers: (now) => venue.handshake(now).headers,
  };
  const questions: readonly Question[] = [
    ...(venue.probes ?? []).map(({ proves, url, headers }) => ({ proves, url, headers })),
    ...(venue.unavailable === null ? [handshake] : []),
  ];
  const results = await Promise.all(
    questions.map(async ({ proves, url, headers }) => {
      try {
        const sent = { "user-agent": userAgent, ...headers(Date.now() * 1000) };
        return read(id, proves, url, venue, await ask({ url, headers: sent, timeoutMs, signal }));
      } catch (error) {
        signal.throwIfAborted();
        return { finding: unreachable(id, proves, url, messageOf(error)), answer: null };
      }
    }),
  );
  findings.push(...results.map(({ finding }) => finding));
  const clock = clockFinding(
    id,
    results.flatMap(({ answer }) => answer ?? []),
  );
  return clock === null ? findings : [...findings, clock];
}

function read(
  id: string,
  proves: string,
  url: string,
  venue: LiveVenue,
  answer: Answer,
): { readonly finding: Finding; readonly answer: Answer } {
  const { status, body, askedAt, answeredAt } = answer;
  const check = proves === "key" ? "keys" : "venue";
  const place = `${id}: ${proves} at ${new URL(url).host}`;
  const wanted = /^wss?:/.test(url) ? 101 : 200;
  if (status === wanted) {
    const ms = Math.max(1, Math.round((answeredAt - askedAt) / 1000));
    return { finding: { check, status: "ok", detail: `${place} answers (${ms} ms)` }, answer };
  }
  const refusal = venue.refused?.(status, body) ?? null;
  if (refusal !== null)
    return {
      finding: { check: "keys", status: "fail", detail: `${place}: ${refusal.message}`, hint: refusal.hint },
      answer,
    };
  const hint =
    status === 429
      ? "too many requests: is another recorder using this address? try again in a minute"
      : status >= 500
        ? "the venue itself is in trouble or in maintenance; record waits for it"
        : `check the URLs of venues.${id}, and whether a proxy stands between`;
  return { finding: { check, status: "fail", detail: `${place} answers HTTP ${status}`, hint }, answer };
}

function unreachable(id: string, proves: string, url: string, why: string): Finding {
  const { host } = new URL(url);
  return {
    check: proves === "key" ? "keys" : "venue",
    status: "fail",
    detail: `${id}: ${proves} at ${host} cannot be reached: ${why}`,
    hint: `no word from the venue, so this is the network: check the connection, DNS, a firewall or proxy, and the URLs of venues.${id}`,
  };
}

function keyFinding(id: string, error: unknown): Finding {
  // Only what we said ourselves: nothing else is known to be free of key text.
  if (!(error instanceof ForetapeError)) throw error;
  return { check: "keys", status: "fail", detail: `${id}: ${error.message}`, hint: error.hint ?? `check venues.${id}` };
}
