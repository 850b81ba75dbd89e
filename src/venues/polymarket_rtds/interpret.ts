import { isUtf8 } from "node:buffer";
import type { Closed, Connected, Decision } from "../../journal/record.ts";
import { parseComputedSpot, type Spot } from "../../model/decimal.ts";
import type { GapOpened, MarketEvent, SpotTick } from "../../model/events.ts";
import type { Micros } from "../../model/time.ts";
import type { Interpreter, InterpreterContext } from "../venue.ts";

const VENUE = "polymarket_rtds";
/** Chainlink's exact values are integers of this scale. */
const FULL_ACCURACY = 18;

interface Connection {
  readonly stream: string;
  readonly since: Micros | null;
  dataAt: Micros | null;
  /** We asked for something: its end is a hole. */
  used: boolean;
  malformed: number;
}

interface Saved {
  readonly connections: readonly (readonly [number, Connection])[];
  /** Stream → key of its open gap. */
  readonly holes: readonly (readonly [string, string])[];
  readonly ticks: readonly Last[];
}

/** The last tick of a symbol. */
interface Last {
  readonly topic: string;
  readonly epoch: number;
  readonly tick: SpotTick;
}

/** Makes the interpreter of Polymarket's reference prices: `{topic, type, timestamp, payload: {symbol, timestamp, value}}`. */
export function rtdsInterpreter({ emit }: InterpreterContext, saved?: unknown): Interpreter {
  return new RtdsInterpreter(emit, saved as Saved | undefined);
}

class RtdsInterpreter implements Interpreter {
  readonly #emit: (event: MarketEvent) => void;
  readonly #connections: Map<number, Connection>;
  readonly #holes: Map<string, string>;
  /** By product; some dozen. */
  readonly #ticks: Map<string, Last>;

  constructor(emit: (event: MarketEvent) => void, saved: Saved | undefined) {
    this.#emit = emit;
    this.#connections = new Map(saved?.connections.map(([epoch, connection]) => [epoch, { ...connection }]));
    this.#holes = new Map(saved?.holes);
    this.#ticks = new Map(saved?.ticks.map((last) => [last.tick.product, last]));
  }

  connected(epoch: number, { stream }: Connected, at: Micros | null): void {
    this.#connections.set(epoch, { stream, since: at, dataAt: null, used: false, malformed: 0 });
  }

  received(epoch: number, bytes: Buffer, at: Micros | null): void {
    const connection = this.#connection(epoch);
    const text = isUtf8(bytes) ? bytes.toString("utf8") : null;
    // An empty frame is the answer to a subscription, `PONG` that to our `PING`.
    if (text !== null && /^\s*(P[IO]NG)?\s*$/.test(text)) return;
    const frame = text === null ? null : parsed(text);
    if (frame === null) {
      this.#quarantine(text === null ? "invalid_utf8" : "malformed_json", "a frame that cannot be read");
      const key = `${VENUE}/${epoch}/malformed/${++connection.malformed}`;
      return this.#open(epoch, { key, from: at, to: at, cause: "malformed", confidence: "inferred", evidence: {} });
    }
    const { topic, payload } = frame;
    if ((topic !== "crypto_prices" && topic !== "crypto_prices_chainlink") || !isObject(payload)) {
      const words = [topic, frame["type"], frame["message"]].filter((each) => typeof each === "string");
      return this.#quarantine("unknown_type", words.join(" ").slice(0, 200));
    }
    // A subscription may begin with the last minutes of one symbol, oldest first.
    const list = Array.isArray(payload["data"]) ? (payload["data"] as unknown[]).filter(isObject) : [payload];
    for (const each of list) this.#price(epoch, connection, topic, { symbol: payload["symbol"], ...each }, at);
  }

  sent(epoch: number, bytes: Buffer, _at: Micros | null): void {
    if (bytes.includes('"subscribe"')) this.#connection(epoch).used = true;
  }

  closed(epoch: number, { by, code, reason }: Closed, _at: Micros | null): void {
    const connection = this.#connections.get(epoch);
    if (connection === undefined) return;
    this.#connections.delete(epoch);
    if (by === "stopped" || by === "end" || !connection.used) return;
    const evidence = { by, ...(code === undefined ? {} : { code }), ...(reason === undefined ? {} : { reason }) };
    this.#interrupted(epoch, connection, by === "crash" ? "recorder_down" : "disconnect", evidence);
    this.#stale(epoch, null);
  }

  http(): void {
    // There is no REST.
  }

  decision(decision: Decision, epoch: number, _at: Micros | null): void {
    const connection = this.#connections.get(epoch);
    if (connection === undefined) return;
    const { type, venue: _, topic, ...evidence } = decision;
    if (type === "stale") this.#stale(epoch, typeof topic === "string" ? topic : null);
    else if (type === "stall" || type === "oversize") {
      this.#interrupted(epoch, connection, type, { ...evidence, ...(topic === undefined ? {} : { topic }) });
    }
  }

  wake(_now: Micros): void {
    // Silence is judged by the recorder and arrives as a decision.
  }

  save(): Saved {
    return { connections: [...this.#connections], holes: [...this.#holes], ticks: [...this.#ticks.values()] };
  }

  #price(
    epoch: number,
    connection: Connection,
    topic: string,
    said: Readonly<Record<string, unknown>>,
    at: Micros | null,
  ): void {
    const { symbol, timestamp } = said;
    const price = priceOf(said);
    if (typeof symbol !== "string" || symbol === "") return this.#quarantine("missing_field", "symbol");
    if (price === null) return this.#quarantine("bad_number", `value of ${symbol.slice(0, 50)}`);
    const isTime =
      typeof timestamp === "number" && Number.isSafeInteger(timestamp) && timestamp > 1e12 && timestamp < 9e12;
    const rest = {
      bid: null,
      bidSize: null,
      ask: null,
      askSize: null,
      volume24h: null,
      sequence: null,
      isStale: false,
    };
    const tick: SpotTick = {
      type: "spot_tick",
      venue: VENUE,
      product: symbol,
      ts: isTime ? timestamp * 1_000 : null,
      price,
      ...rest,
    };
    this.#ticks.set(symbol, { topic, epoch, tick });
    connection.dataAt = at ?? connection.dataAt;
    const hole = this.#holes.get(connection.stream);
    if (hole !== undefined && at !== null) {
      this.#holes.delete(connection.stream);
      this.#emit({ type: "gap_closed", key: hole, to: at, repair: "none" });
    }
    this.#emit(tick);
  }

  /** Nothing confirms these prices any more: each is said once more, marked stale. */
  #stale(epoch: number, topic: string | null): void {
    for (const [product, last] of this.#ticks) {
      if (last.epoch !== epoch || last.tick.isStale || (topic !== null && last.topic !== topic)) continue;
      const tick = { ...last.tick, isStale: true };
      this.#ticks.set(product, { ...last, tick });
      this.#emit(tick);
    }
  }

  #interrupted(
    epoch: number,
    connection: Connection,
    cause: GapOpened["cause"],
    evidence: GapOpened["evidence"],
  ): void {
    if (this.#holes.has(connection.stream)) return;
    const key = `${VENUE}/${epoch}`;
    this.#holes.set(connection.stream, key);
    const confidence = cause === "stall" ? "inferred" : "proven";
    this.#open(epoch, { key, from: connection.dataAt ?? connection.since, to: null, cause, confidence, evidence });
  }

  #open(epoch: number, gap: Pick<GapOpened, "key" | "from" | "to" | "cause" | "confidence" | "evidence">): void {
    const place = { venue: VENUE, market: null, outcome: null, epoch, sid: null, channel: null, books: [] };
    this.#emit({ type: "gap_opened", ...place, ...gap });
  }

  #quarantine(reason: string, detail: string): void {
    this.#emit({ type: "quarantine", venue: VENUE, market: null, outcome: null, reason, detail });
  }

  #connection(epoch: number): Connection {
    let connection = this.#connections.get(epoch);
    if (connection === undefined) {
      connection = { stream: `epoch/${epoch}`, since: null, dataAt: null, used: false, malformed: 0 };
      this.#connections.set(epoch, connection);
    }
    return connection;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parsed(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    // The caller says what it was.
    return null;
  }
}

/** Chainlink's exact integer where there is one, else `value`; digits beyond the eighth place are cut. */
function priceOf({ full_accuracy_value: exact, value }: Readonly<Record<string, unknown>>): Spot | null {
  if (typeof exact === "string" && /^\d{1,40}$/.test(exact)) {
    const digits = exact.padStart(FULL_ACCURACY + 1, "0");
    return parseComputedSpot(`${digits.slice(0, -FULL_ACCURACY)}.${digits.slice(-FULL_ACCURACY)}`);
  }
  return typeof value === "number" || typeof value === "string" ? parseComputedSpot(String(value)) : null;
}
