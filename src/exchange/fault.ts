import type { Micros } from "../model/time.ts";
import { UsageError } from "../ops/errors.ts";

export const FAULTS = [
  "disconnect",
  "sequence_gap",
  "drop",
  "duplicate",
  "malformed",
  "invalid_utf8",
  "stall",
  "slow_consumer",
  "error",
] as const;

export type FaultKind = (typeof FAULTS)[number];

/** Something that goes wrong on one connection. */
export interface Fault {
  readonly kind: FaultKind;
  /** After the start of the exchange, microseconds of the exchange's time; 0 for at once. It waits for a connection. */
  readonly after: Micros;
  /** Frames to suppress, repeat or damage. */
  readonly count: number;
  /** How long a stall or a slow consumer lasts. */
  readonly lasts: Micros;
  /** Kalshi's terminal error, 10 or 25. */
  readonly code: number;
  /** A certain connection, else a random one. */
  readonly conn: number | null;
  readonly venue: string | null;
}

const SECOND = 1_000_000;
const TIME = /^(\d+(?:\.\d+)?)(ms|s|m)$/;
const UNITS = { ms: 1_000, s: SECOND, m: 60 * SECOND } as const;

/** A fault with the usual count, duration and code. */
export function fault(kind: FaultKind, facts: Partial<Fault> = {}): Fault {
  return {
    kind,
    after: 0,
    count: kind === "sequence_gap" ? 3 : 1,
    lasts: 10 * SECOND,
    code: 25,
    conn: null,
    venue: null,
    ...facts,
  };
}

function time(text: string): Micros | null {
  const match = TIME.exec(text);
  return match === null ? null : Math.round(Number(match[1]) * UNITS[match[2] as keyof typeof UNITS]);
}

/**
 * Reads `KIND[:ARGUMENT][@TIME][/VENUE|#CONNECTION]`, for example `disconnect@5s`, `sequence_gap:3@5s`, `stall:10s@1m`,
 * `error:10@8s/kalshi`. Throws `UsageError`.
 */
export function parseFault(text: string): Fault {
  const match = /^([a-z0-9_]+)(?::([0-9a-z.]+))?(?:@([0-9a-z.]+))?(?:\/([a-z_]+)|#(\d+))?$/.exec(text);
  const kind = FAULTS.find((name) => name === match?.[1]);
  const wrong = (what: string) =>
    new UsageError(`"${text}" is no fault: ${what}`, {
      hint: `write for example disconnect@5s, sequence_gap:3@5s, stall:10s@1m, error:10@8s/kalshi; kinds are ${FAULTS.join(", ")}`,
    });
  if (match === null) throw wrong("it does not read KIND[:ARGUMENT][@TIME][/VENUE]");
  if (kind === undefined) throw wrong(`"${match[1]}" is not a kind`);
  const [, , argument, at, venue, conn] = match;
  const after = at === undefined ? 0 : time(at);
  if (after === null) throw wrong(`"${at}" is no time`);
  if (venue !== undefined && !["kalshi", "polymarket", "coinbase", "polymarket_rtds"].includes(venue))
    throw wrong(`"${venue}" is no venue`);
  const facts = { after, conn: conn === undefined ? null : Number(conn), venue: venue ?? null };
  if (argument === undefined) return fault(kind, facts);
  if (kind === "stall" || kind === "slow_consumer") {
    const lasts = time(argument);
    if (lasts === null) throw wrong(`"${argument}" is no duration`);
    return fault(kind, { ...facts, lasts });
  }
  const number = Number(argument);
  if (!Number.isSafeInteger(number) || number < 1) throw wrong(`"${argument}" is no count`);
  if (kind !== "error") return fault(kind, { ...facts, count: number });
  if (number !== 10 && number !== 25) throw wrong("Kalshi's terminal errors are 10 and 25");
  return fault(kind, { ...facts, code: number });
}

/** Whether this fault makes sense on that venue's protocol: errors and sequence numbers are Kalshi's and Coinbase's. */
export function fits(kind: FaultKind, venue: string): boolean {
  if (venue === "coinbase") return true;
  return venue === "kalshi" ? kind !== "drop" : kind !== "sequence_gap" && kind !== "error";
}
