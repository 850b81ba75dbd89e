import { POLYMARKET } from "./emitter.ts";
import type { Emitter } from "./emitter.ts";
import { polymarketMaintenance } from "./maintenance.ts";
import { text } from "./wire.ts";
import type { Connection } from "./connection.ts";
import type { Closed, Decision } from "../../journal/record.ts";
import type { Instrument } from "../../model/instrument.ts";
import type { Micros } from "../../model/time.ts";

/**
 * Says where data was, or may have been, lost. The venue numbers nothing, so a hole is seen in few ways only: the
 * connection ended, the recorder judged it (silent, or a frame too large), a book never came, or something could not be
 * read.
 */
export class Holes {
  readonly #emitter: Emitter;
  readonly #isOver: (market: string) => boolean;

  constructor(emitter: Emitter, isOver: (market: string) => boolean) {
    this.#emitter = emitter;
    this.#isOver = isOver;
  }

  /** The connection ended. A clean stop loses nothing that was asked for. */
  closed(connection: Connection, closed: Closed, at: Micros | null): void {
    if (closed.by === "stopped" || closed.by === "end" || !connection.used) return;
    const cause = closed.by === "crash" ? "recorder_down" : "disconnect";
    const { by, code, reason } = closed;
    this.#open(connection, cause, "proven", {
      by,
      ...(code === undefined ? {} : { code }),
      ...(reason === undefined ? {} : { reason }),
      ...scheduled(at),
    });
  }

  /** The recorder's verdict on the connection: no data flows although it is open, or a frame was too large to take. */
  judged(connection: Connection, cause: "stall" | "oversize", decision: Decision, at: Micros | null): void {
    const { type: _, venue: __, ...evidence } = decision;
    this.#open(connection, cause, cause === "stall" ? "inferred" : "proven", { ...evidence, ...scheduled(at) });
  }

  /** The recorder judged that the venue withholds one market: its books are uncertain until their next snapshots. */
  withheld(connection: Connection, decision: Decision, at: Micros | null): void {
    const { type: _, venue: __, market: named, ...evidence } = decision;
    const market = text(named);
    if (market === null) return;
    const { since } = evidence;
    const books = connection.books(market, this.#isOver);
    this.#emitter.emit({
      type: "gap_opened",
      key: `${POLYMARKET}/${connection.epoch}/market/${market}`,
      venue: POLYMARKET,
      market,
      outcome: null,
      epoch: connection.epoch,
      sid: null,
      channel: "market",
      from: typeof since === "number" ? since : at,
      to: books.length > 0 ? null : at,
      cause: "stall",
      confidence: "inferred",
      evidence,
      books,
    });
  }

  /** We asked again and again, and the venue never sent this token's book. The first one that comes resolves it. */
  noBook(connection: Connection, token: string): void {
    const stream = connection.tokens.get(token);
    if (stream === undefined || stream.instrument === null || stream.live) return;
    this.#emitter.emit({
      type: "gap_opened",
      key: `${POLYMARKET}/${connection.epoch}/no-book/${token}`,
      venue: POLYMARKET,
      market: stream.instrument.market,
      outcome: token,
      epoch: connection.epoch,
      sid: null,
      channel: "market",
      from: stream.subscription?.requestedAt ?? null,
      to: null,
      cause: "venue_error",
      confidence: "inferred",
      evidence: { reason: "no book arrived" },
      books: [stream.instrument],
    });
  }

  /** Data flows: the stream's hole, whoever left it, is over. */
  flows(connection: Connection, at: Micros | null): void {
    const { stream } = connection;
    connection.garbledSince = null;
    if (stream.hole === null || at === null) return;
    this.#emitter.emit({ type: "gap_closed", key: stream.hole, to: at, repair: "none" });
    stream.hole = null;
  }

  /** Nobody can say what the frame held: any book of the connection may have missed a change. */
  garbled(connection: Connection, at: Micros | null, reason: string): void {
    if (connection.garbledSince === null) connection.malformed++;
    const from = connection.garbledSince ?? at;
    connection.garbledSince = from;
    this.#malformed(
      connection,
      { market: null, outcome: null, from, to: at, reason },
      connection.books(null, this.#isOver),
    );
  }

  /** A part of a message could not be read: it may have changed this token's book, or (null) any of its market's. */
  unreadable(
    connection: Connection,
    market: string | null,
    token: string | null,
    at: Micros | null,
    reason: string,
  ): void {
    const stream = token === null ? undefined : connection.tokens.get(token);
    const known = stream?.instrument ?? null;
    const books = known === null ? connection.books(market, this.#isOver) : stream?.live ? [known] : [];
    connection.malformed++;
    const where = { market: known?.market ?? market, outcome: token };
    this.#malformed(connection, { ...where, from: at, to: at, reason }, books);
  }

  /** A print that could not be read: a trade is missing, and no book is the worse for it. */
  unreadTrade(
    connection: Connection,
    market: string | null,
    token: string | null,
    at: Micros | null,
    reason: string,
  ): void {
    connection.malformed++;
    this.#malformed(connection, { market, outcome: token, from: at, to: at, reason }, []);
  }

  #malformed(
    connection: Connection,
    hole: {
      readonly market: string | null;
      readonly outcome: string | null;
      readonly from: Micros | null;
      readonly to: Micros | null;
      readonly reason: string;
    },
    books: readonly Instrument[],
  ): void {
    const { reason, ...bounds } = hole;
    this.#emitter.emit({
      type: "gap_opened",
      key: `${POLYMARKET}/${connection.epoch}/malformed/${connection.malformed}`,
      venue: POLYMARKET,
      ...bounds,
      epoch: connection.epoch,
      sid: null,
      channel: "market",
      cause: "malformed",
      confidence: "inferred",
      evidence: { reason },
      books,
    });
  }

  /** One row per hole: while the stream has one, another verdict about the same silence adds nothing. */
  #open(
    connection: Connection,
    cause: "disconnect" | "recorder_down" | "stall" | "oversize",
    confidence: "proven" | "inferred",
    evidence: Readonly<Record<string, unknown>>,
  ): void {
    const { stream, epoch } = connection;
    if (stream.hole !== null) return;
    connection.holes++;
    stream.hole = `${POLYMARKET}/${epoch}${connection.holes === 1 ? "" : `/${connection.holes}`}`;
    this.#emitter.emit({
      type: "gap_opened",
      key: stream.hole,
      venue: POLYMARKET,
      market: null,
      outcome: null,
      epoch,
      sid: null,
      channel: "market",
      from: connection.lastGood,
      to: null,
      cause,
      confidence,
      evidence,
      books: connection.books(null, this.#isOver),
    });
  }
}

/** Evidence that the venue had announced it. */
function scheduled(at: Micros | null): { readonly scheduled?: string } {
  const window = at === null ? null : polymarketMaintenance(at);
  return window === null ? {} : { scheduled: window.name };
}
