import type { Closed, Decision } from "../../journal/record.ts";
import type { GapOpened } from "../../model/events.ts";
import type { Micros } from "../../model/time.ts";
import type { Connection, Memory, Product } from "./memory.ts";

type Hole = Pick<GapOpened, "key" | "from" | "to" | "cause" | "confidence" | "evidence"> & {
  readonly market?: string | null;
  readonly channel?: string | null;
};

/** Says where something was, or may have been, lost: jumps in numbers, unreadable frames, connections that ended. */
export class Holes {
  readonly #memory: Memory;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /**
   * Advanced Trade: takes the number of a frame and the venue's time of it. False: it was there already, and the frame is
   * not to be applied.
   */
  number(connection: Connection, got: number, ts: Micros | null, at: Micros | null): boolean {
    const { sequence, unread, newest } = connection;
    const isFirst = sequence < 0;
    const isNewer = ts !== null && (newest === null || ts > newest);
    if (isNewer) connection.newest = ts;
    const isOld = !isFirst && got <= sequence;
    // What is newer and has an old number begins the numbers anew: what came before was the end of another connection.
    if (isOld && !isNewer) {
      this.#memory.quarantine("duplicate_sequence", `the connection had ${sequence} and sent ${got}`);
      return false;
    }
    const expected = isOld ? 0 : isFirst ? (connection.whole ? 0 : got) : sequence + 1;
    connection.sequence = got;
    connection.unread = null;
    if (got === expected) return true;
    const lost = got - expected;
    const read = unread !== null && unread.count >= lost;
    this.#open(connection, {
      key: `coinbase/${connection.epoch}/sequence/${got}`,
      from: connection.frameAt ?? connection.connectedAt,
      to: at,
      cause: read ? "malformed" : "sequence",
      confidence: "proven",
      evidence: { expected, got, lost, ...(unread === null ? {} : { unread: unread.count, reason: unread.reason }) },
    });
    return true;
  }

  /** A frame that cannot be read. Where frames are numbered the next one shows what it was, else it may have been anything. */
  unreadable(connection: Connection, reason: string, at: Micros | null): void {
    if (connection.sequence >= 0) {
      connection.unread ??= { count: 0, at, until: at, reason };
      connection.unread.count++;
      connection.unread.until = at;
    } else this.#malformed(connection, reason, at, at);
  }

  /** A price or a trade of which something cannot be read; null where it does not say of which product. */
  unusable(
    connection: Connection,
    where: { readonly market: string | null; readonly channel: string },
    reason: string,
    at: Micros | null,
  ): void {
    this.#malformed(connection, reason, at, at, where);
  }

  /** Trade ids of a product are dense: a jump is trades that never came, on this connection or between two. */
  trade(connection: Connection, product: Product, channel: string, id: number, at: Micros | null): void {
    const last = product.trades[channel];
    if (last === undefined || id > last.id) product.trades[channel] = { id, at };
    if (last === undefined || id <= last.id + 1) return;
    this.#open(connection, {
      key: `coinbase/${product.name}/${channel}/${id}`,
      market: product.name,
      channel,
      from: last.at,
      to: at,
      cause: "sequence",
      confidence: "proven",
      evidence: { expected_trade_id: last.id + 1, got: id, lost: id - last.id - 1 },
    });
  }

  /**
   * The Exchange feed's heartbeat names the last trade. One that has not come by the next heartbeat is lost: without it,
   * a loss at the end of a burst would show only when trading goes on.
   */
  heartbeat(connection: Connection, product: Product, tradeId: number, at: Micros | null): void {
    // Without trades, the ticker says the last one of each burst.
    const channel = connection.seen.has(`matches ${product.name}`) ? "matches" : "ticker";
    const before = product.heartbeat;
    product.heartbeat = { tradeId, at };
    const last = product.trades[channel];
    if (before === null || last === undefined || before.tradeId <= last.id) return;
    product.trades[channel] = { id: before.tradeId, at };
    this.#open(connection, {
      key: `coinbase/${product.name}/${channel}/${before.tradeId}`,
      market: product.name,
      channel,
      from: last.at,
      to: at,
      cause: "sequence",
      confidence: channel === "matches" ? "proven" : "inferred",
      evidence: { last_trade_id: before.tradeId, had: last.id },
    });
  }

  /** The connection ended. A clean stop loses nothing that was asked for. */
  closed(connection: Connection, { by, code, reason }: Closed): void {
    const { unread } = connection;
    if (by === "stopped" || by === "end") {
      if (unread !== null) this.#malformed(connection, unread.reason, unread.at, unread.until);
      return;
    }
    if (!connection.ledger.used) return;
    this.#interrupted(connection, by === "crash" ? "recorder_down" : "disconnect", "proven", {
      by,
      ...(code === undefined ? {} : { code }),
      ...(reason === undefined ? {} : { reason }),
    });
  }

  /** The recorder's verdict: nothing arrives although the connection is open, or a frame was too large to take. */
  judged(connection: Connection, cause: "stall" | "oversize", decision: Decision): void {
    const { type: _, venue: __, ...evidence } = decision;
    this.#interrupted(connection, cause, cause === "stall" ? "inferred" : "proven", evidence);
  }

  /** Data flows: the stream's hole, whoever left it, is over. */
  flows(connection: Connection, at: Micros | null): void {
    connection.dataAt = at ?? connection.dataAt;
    const { stream } = connection;
    if (stream.hole === null || at === null) return;
    this.#memory.emit({ type: "gap_closed", key: stream.hole, to: at, repair: "none" });
    stream.hole = null;
  }

  /** One row per hole: while the stream has one, another verdict about the same silence adds nothing. */
  #interrupted(
    connection: Connection,
    cause: GapOpened["cause"],
    confidence: GapOpened["confidence"],
    evidence: GapOpened["evidence"],
  ): void {
    const { stream, epoch } = connection;
    if (stream.hole !== null) return;
    connection.holes++;
    const key = `coinbase/${epoch}/hole/${connection.holes}`;
    stream.hole = key;
    const from = connection.dataAt ?? connection.frameAt ?? connection.connectedAt;
    this.#open(connection, { key, from, to: null, cause, confidence, evidence });
  }

  #malformed(
    connection: Connection,
    reason: string,
    from: Micros | null,
    to: Micros | null,
    where: Pick<Hole, "market" | "channel"> = {},
  ): void {
    const key = `coinbase/${connection.epoch}/malformed/${++connection.malformed}`;
    const known = { cause: "malformed", confidence: "inferred", evidence: { reason } } as const;
    this.#open(connection, { key, from, to, ...where, ...known });
  }

  #open({ epoch }: Connection, { market = null, channel = null, ...hole }: Hole): void {
    const rest = { outcome: null, epoch, sid: null, books: [] };
    this.#memory.emit({ type: "gap_opened", venue: "coinbase", market, channel, ...rest, ...hole });
  }
}
