import type { Micros } from "../model/time.ts";
import { UsageError } from "../ops/errors.ts";

const SECOND = 1_000_000;

type Argument = "count" | "percent" | "code" | "lasts" | "delay";

interface KindFacts {
  /** One connection, the making of connections to a venue, or a venue's REST answers. */
  readonly scope: "connection" | "sessions" | "rest";
  readonly takes: readonly Argument[];
  readonly count?: number;
  readonly lasts?: Micros;
  readonly delay?: Micros;
  readonly codes?: readonly number[];
  /** Venues whose protocol has it; without them, all. */
  readonly only?: readonly string[];
}

const VENUES: ReadonlySet<string> = new Set(["kalshi", "polymarket", "coinbase", "polymarket_rtds"]);
const NUMBERED = ["kalshi", "coinbase"];
const TEN = 10 * SECOND;
const one = { scope: "connection", takes: ["count"] } as const;

/** Every kind of fault, what it takes and what it takes for granted. `docs/exchange.md` says what happens. */
const KINDS = {
  disconnect: { scope: "connection", takes: [] },
  sequence_gap: { ...one, count: 3, only: NUMBERED },
  drop: { ...one, only: ["polymarket", "polymarket_rtds", "coinbase"] },
  duplicate: one,
  reorder: one,
  malformed: one,
  invalid_utf8: one,
  unknown_type: one,
  unknown_field: one,
  renamed_field: one,
  retyped_field: one,
  oversize: one,
  replay: { ...one, count: 500 },
  stall: { scope: "connection", takes: ["lasts"] },
  half_open: { scope: "connection", takes: ["lasts"], lasts: 60 * SECOND },
  slow_consumer: { scope: "connection", takes: ["lasts"] },
  slow_commands: { scope: "connection", takes: ["delay", "lasts"], delay: 5 * SECOND, lasts: 60 * SECOND },
  muted: { scope: "connection", takes: ["percent", "lasts"], count: 5, lasts: 600 * SECOND },
  error: { scope: "connection", takes: ["code"], codes: [25, 10], only: NUMBERED },
  command_error: { scope: "connection", takes: ["code", "count"], codes: [27, 26, 18], only: ["kalshi"] },
  maintenance: { scope: "sessions", takes: ["lasts"] },
  refuse: { scope: "sessions", takes: ["lasts"] },
  unauthorized: { scope: "sessions", takes: ["lasts"], only: ["kalshi"] },
  clock_ahead: { scope: "sessions", takes: ["lasts"], only: ["kalshi"] },
  clock_behind: { scope: "sessions", takes: ["lasts"], only: ["kalshi"] },
  rest_429: { scope: "rest", takes: ["lasts"] },
  rest_425: { scope: "rest", takes: ["lasts"] },
  rest_5xx: { scope: "rest", takes: ["percent", "lasts"], count: 50 },
  rest_html: { scope: "rest", takes: ["code", "lasts"], codes: [200, 503] },
  rest_slow: { scope: "rest", takes: ["delay", "lasts"], delay: 2 * SECOND },
  rest_hang: { scope: "rest", takes: ["lasts"] },
  rest_first_page: { scope: "rest", takes: ["lasts"] },
  rest_repeat_page: { scope: "rest", takes: ["lasts"] },
  rest_404: { scope: "rest", takes: ["delay", "lasts"], delay: 5 * SECOND, lasts: 60 * SECOND },
} as const satisfies Record<string, KindFacts>;

export type FaultKind = keyof typeof KINDS;

export const FAULTS = Object.keys(KINDS) as FaultKind[];

const factsOf = (kind: FaultKind): KindFacts => KINDS[kind];

/** Something that goes wrong on one connection or, for a while, at a venue. */
export interface Fault {
  readonly kind: FaultKind;
  /** After the start of the exchange, microseconds of the exchange's time; 0 for at once. A connection's fault waits for one. */
  readonly after: Micros;
  /** Frames or commands that are concerned, or a share of markets or answers in percent. */
  readonly count: number;
  /** How long it goes on. */
  readonly lasts: Micros;
  /** How late what is slow comes; how young a market is that REST does not know yet. */
  readonly delay: Micros;
  /** Kalshi's error, or the status of a page of HTML. */
  readonly code: number;
  /** A certain connection, else a random one. */
  readonly conn: number | null;
  readonly venue: string | null;
}

const TIME = /^(\d+(?:\.\d+)?)(ms|s|m)$/;
const UNITS = { ms: 1_000, s: SECOND, m: 60 * SECOND } as const;

/** A fault with the usual count, duration and code. */
export function fault(kind: FaultKind, facts: Partial<Fault> = {}): Fault {
  const { count = 1, lasts = TEN, delay = 0, codes } = factsOf(kind);
  return { kind, after: 0, count, lasts, delay, code: codes?.[0] ?? 0, conn: null, venue: null, ...facts };
}

function time(text: string): Micros | null {
  const match = TIME.exec(text);
  return match === null ? null : Math.round(Number(match[1]) * UNITS[match[2] as keyof typeof UNITS]);
}

/**
 * Reads `KIND[:ARGUMENT…][@TIME][/VENUE|#CONNECTION]`, for example `disconnect@5s`, `sequence_gap:3@5s`, `stall:10s@1m`,
 * `error:10@8s/kalshi`, `rest_5xx:50:30s`. Throws `UsageError`.
 */
export function parseFault(text: string): Fault {
  const match = /^([a-z0-9_]+)((?::[0-9a-z.]+)*)(?:@([0-9a-z.]+))?(?:\/([a-z_]+)|#(\d+))?$/.exec(text);
  const wrong = (what: string) =>
    new UsageError(`"${text}" is no fault: ${what}`, {
      hint: `write for example disconnect@5s, sequence_gap:3@5s, stall:10s@1m, error:10@8s/kalshi; kinds are ${FAULTS.join(", ")}`,
    });
  if (match === null) throw wrong("it does not read KIND[:ARGUMENT][@TIME][/VENUE]");
  const [, name, given = "", at, venue, conn] = match;
  const kind = FAULTS.find((known) => known === name);
  if (kind === undefined) throw wrong(`"${name}" is not a kind`);
  const after = at === undefined ? 0 : time(at);
  if (after === null) throw wrong(`"${at}" is no time`);
  if (venue !== undefined && !VENUES.has(venue)) throw wrong(`"${venue}" is no venue`);
  if (venue !== undefined && !fits(kind, venue)) throw wrong(`${venue} has nothing like it`);
  const { takes, codes = [] } = factsOf(kind);
  if (conn !== undefined && factsOf(kind).scope !== "connection") throw wrong("it concerns a venue, not a connection");
  const texts = given.split(":").slice(1);
  if (texts.length > takes.length) throw wrong(`it takes ${takes.length} arguments`);
  const facts: Partial<Record<"count" | "code" | "lasts" | "delay", number>> = {};
  for (const [i, argument] of texts.entries()) {
    const what = takes[i];
    if (what === "lasts" || what === "delay") {
      const micros = time(argument);
      if (micros === null) throw wrong(`"${argument}" is no duration`);
      facts[what] = micros;
      continue;
    }
    const number = Number(argument);
    if (!Number.isSafeInteger(number) || number < 1) throw wrong(`"${argument}" is no count`);
    if (what === "percent" && number > 100) throw wrong(`"${argument}" is no share in percent`);
    if (what === "code" && !codes.includes(number)) throw wrong(`its codes are ${codes.join(" and ")}`);
    facts[what === "code" ? "code" : "count"] = number;
  }
  return fault(kind, { after, conn: conn === undefined ? null : Number(conn), venue: venue ?? null, ...facts });
}

/** Whether this fault makes sense on that venue's protocol: numbers are Kalshi's and Coinbase's, error frames too. */
export function fits(kind: FaultKind, venue: string): boolean {
  const { only } = factsOf(kind);
  return only === undefined || only.includes(venue);
}

/** What a fault of this kind befalls. */
export function scopeOf(kind: FaultKind): "connection" | "sessions" | "rest" {
  return factsOf(kind).scope;
}
