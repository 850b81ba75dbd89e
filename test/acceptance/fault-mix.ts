import { type Fault, type FaultKind, fault } from "../../src/exchange/fault.ts";
import type { Random } from "../../src/exchange/random.ts";

const SECOND = 1_000_000;

/** What can go wrong on a venue, and how often relative to others. A venue is a line. */
const MIX: Readonly<Record<string, Partial<Record<FaultKind, number>>>> = {
  kalshi: { sequence_gap: 4, error: 1, command_error: 1, unauthorized: 1, clock_ahead: 1, clock_behind: 1 },
  polymarket: { drop: 3 },
  coinbase: { sequence_gap: 3, drop: 3 },
};

/** What can go wrong anywhere. */
const ANYWHERE: Partial<Record<FaultKind, number>> = {
  disconnect: 3,
  duplicate: 2,
  reorder: 2,
  replay: 2,
  malformed: 2,
  invalid_utf8: 2,
  unknown_type: 1,
  unknown_field: 2,
  renamed_field: 1,
  retyped_field: 1,
  stall: 2,
  half_open: 2,
  slow_consumer: 1,
  slow_commands: 1,
  oversize: 0.3,
  maintenance: 1,
  refuse: 1,
  rest_429: 1,
  rest_5xx: 1,
  rest_425: 1,
  rest_html: 1,
  rest_hang: 0.5,
  rest_first_page: 0.5,
  rest_repeat_page: 0.5,
  rest_slow: 0.5,
  rest_404: 0.3,
};

export const VENUES: readonly string[] = Object.keys(MIX);

/** Faults on every venue, about one a second and venue, from now on. */
export function mixFaults(random: Random, seconds: number): Fault[] {
  const faults: Fault[] = [];
  for (const [venue, own] of Object.entries(MIX)) {
    const kinds = Object.entries({ ...ANYWHERE, ...own }) as [FaultKind, number][];
    const weight = kinds.reduce((sum, [, each]) => sum + each, 0);
    for (let at = 0.3 + random.next(); at < seconds; at += 0.4 + 1.2 * random.next()) {
      let u = random.next() * weight;
      const [kind] = kinds.find(([, each]) => (u -= each) < 0) ?? ["disconnect"];
      faults.push(fault(kind, { venue, after: Math.round(at * SECOND), ...size(kind, random) }));
    }
  }
  return faults;
}

/** A silence lasts until the recorder has given it up; what befalls a venue is over before the session is. */
function size(kind: FaultKind, random: Random): Partial<Fault> {
  const short = random.int(200, 1_500) * 1_000;
  switch (kind) {
    case "stall":
    case "half_open":
      return { lasts: 60 * SECOND };
    case "error":
      return { code: random.chance(0.5) ? 10 : 25 };
    case "command_error":
      return { code: 27, count: random.int(1, 2) };
    case "slow_consumer":
      return { lasts: short };
    case "slow_commands":
      return { delay: random.int(50, 500) * 1_000, lasts: 2 * SECOND };
    case "replay":
      return { count: random.int(10, 500) };
    case "oversize":
      return {};
    case "rest_html":
      return { code: random.chance(0.5) ? 200 : 503, lasts: short };
    case "rest_slow":
      return { delay: random.int(200, 1_500) * 1_000, lasts: short };
    case "rest_404":
      return { lasts: short };
    case "rest_5xx":
      return { count: 50, lasts: short };
    default:
      return { count: random.int(1, 5), lasts: short };
  }
}
