import { Books } from "../books/books.ts";
import {
  type Closed,
  type Connected,
  type Decision,
  type JournalRecord,
  Kind,
  type Preamble,
  type Started,
} from "../journal/record.ts";
import { decodeHttp } from "../journal/reader.ts";
import type { Instruments } from "../model/instrument.ts";
import type { Micros } from "../model/time.ts";
import { messageOf } from "../ops/errors.ts";
import { Rows } from "../tables/rows.ts";
import type { Interpreter, Venue } from "../venues/venue.ts";
import type { MarketEvent } from "../model/events.ts";

/** What an interpretation remembers at a record: a cache, never read by another version. */
export interface SavedInterpretation {
  readonly venues: Readonly<Record<string, unknown>>;
  readonly books: unknown;
  readonly connections: readonly (readonly [number, Connected])[];
  readonly now: Micros;
}

export interface InterpretationOptions {
  readonly venues: readonly Venue[];
  readonly instruments: Instruments;
  /** Preamble of the segment that reading starts at. */
  readonly preamble: Preamble;
  readonly saved?: SavedInterpretation;
  /** Sees every event before its row is made: for `tail`, the library and tests. */
  readonly observe?: (event: MarketEvent, at: Micros | null, frame: number) => void;
}

/**
 * Records in, rows out: routes each record to its venue's interpreter, its events through the books to the rows. A pure
 * function of the records, so live, replay and import give the same rows for ever.
 */
export class Interpretation {
  readonly instruments: Instruments;
  readonly rows: Rows;
  readonly books: Books;
  readonly #venues = new Map<string, Interpreter>();
  readonly #interpreters: readonly Interpreter[];
  readonly #connections = new Map<number, Connected>();
  /** The interpreter of each connection, by epoch. */
  readonly #byEpoch: (Interpreter | undefined)[] = [];
  /** The last body of each URL in this segment, which an `http` record may refer to. */
  readonly #bodies = new Map<string, { readonly frame: number; readonly body: Buffer }>();
  readonly #imported: boolean;
  #cold: boolean;
  #frame = 0;
  #at: Micros | null = null;
  #now: Micros;

  constructor(options: InterpretationOptions) {
    const { instruments, preamble, saved, observe } = options;
    this.instruments = instruments;
    this.rows = new Rows({ instruments, live: preamble.source === "live", fallback: preamble.wall });
    this.books = new Books({
      instruments,
      emit: (row) => this.rows.write(row),
      ...(saved === undefined ? {} : { saved: saved.books }),
    });
    const emit = (event: MarketEvent): void => {
      observe?.(event, this.#at, this.#frame);
      this.books.apply(event, this.#at, this.#frame);
    };
    for (const venue of options.venues) {
      this.#venues.set(venue.id, venue.interpreter({ instruments, emit }, saved?.venues[venue.id]));
    }
    this.#interpreters = [...this.#venues.values()];
    for (const [epoch, connected] of saved?.connections ?? []) this.#route(epoch, connected);
    this.#imported = preamble.source === "import";
    this.#cold = saved === undefined;
    this.#now = saved?.now ?? 0;
  }

  /** The interpreter of a venue, for what only it can tell (hash agreement). */
  venue(id: string): Interpreter | undefined {
    return this.#venues.get(id);
  }

  /** Receive time of the latest record. */
  get now(): Micros {
    return this.#now;
  }

  read(record: JournalRecord): void {
    // An import's own records (they alone have a monotonic time) were made long after what it holds: the time of what
    // they cause is that of the capture.
    const at = this.#imported && record.mono !== 0 ? this.#now || null : record.wall;
    this.#at = at;
    this.#frame = record.frame;
    this.rows.begin(record.frame, at, record.payload);
    if (at !== null && at > this.#now) {
      this.#now = at;
      this.books.wake(at, record.frame);
      for (const interpreter of this.#interpreters) interpreter.wake(at);
    }
    if (record.kind === Kind.received) {
      const interpreter = this.#byEpoch[record.epoch];
      if (interpreter === undefined) this.#quarantine("unknown_connection", `connection ${record.epoch} was never opened`);
      else interpreter.received(record.epoch, record.payload, at);
      return;
    }
    this.#control(record, at);
  }

  #control(record: JournalRecord, at: Micros | null): void {
    const { epoch, payload } = record;
    const json = (): unknown => JSON.parse(payload.toString("utf8"));
    switch (record.kind) {
      case Kind.preamble:
        return this.#preamble(json() as Preamble, at);
      case Kind.started:
        for (const live of (json() as Started).liveConnections) this.#closed(live, { by: "crash" }, at);
        return;
      case Kind.connected: {
        const connected = json() as Connected;
        this.#route(epoch, connected)?.connected(epoch, connected, at);
        return;
      }
      case Kind.closed:
        return this.#closed(epoch, json() as Closed, at);
      case Kind.sent:
        this.#byEpoch[epoch]?.sent(epoch, payload, at);
        return;
      case Kind.http:
        return this.#http(record, at);
      case Kind.decision: {
        const decision = json() as Decision;
        const interpreter = decision.venue === undefined ? this.#byEpoch[epoch] : this.#venues.get(decision.venue);
        interpreter?.decision(decision, epoch, at);
        return;
      }
      case Kind.received:
      case Kind.config:
      case Kind.tick:
      case Kind.clockStep:
        return;
    }
  }

  #route(epoch: number, connected: Connected): Interpreter | undefined {
    const interpreter = this.#venues.get(connected.venue);
    this.#connections.set(epoch, connected);
    this.#byEpoch[epoch] = interpreter;
    if (interpreter === undefined) {
      this.#quarantine("unknown_venue", `no interpreter for venue "${connected.venue}" in this version`);
    }
    return interpreter;
  }

  #closed(epoch: number, closed: Closed, at: Micros | null): void {
    this.#byEpoch[epoch]?.closed(epoch, closed, at);
    this.#connections.delete(epoch);
    this.#byEpoch[epoch] = undefined;
  }

  #preamble(preamble: Preamble, at: Micros | null): void {
    this.#bodies.clear();
    if (this.#cold) {
      // Nothing is known from before: take up the connections that were open, their books uncertain.
      for (const { epoch, commands, ...connected } of preamble.connections) {
        const interpreter = this.#route(epoch, connected);
        interpreter?.connected(epoch, { ...connected, facts: { ...connected.facts, resumed: true } }, at);
        for (const { sent, bytes } of commands) {
          const frame = Buffer.from(bytes, "latin1");
          if (sent) interpreter?.sent(epoch, frame, at);
          else interpreter?.received(epoch, frame, at);
        }
      }
      this.#cold = false;
    }
    this.books.snapshotActive();
  }

  #http(record: JournalRecord, at: Micros | null): void {
    const exchange = decodeHttp(record.payload, (frame) =>
      this.#bodies.values().find((known) => known.frame === frame)?.body,
    );
    const { venue, url } = exchange.head;
    if (exchange.head.bodyOf === undefined) {
      this.#bodies.set(url, { frame: record.frame, body: Buffer.from(exchange.body) });
    }
    this.#venues.get(venue)?.http(exchange, at);
  }

  #quarantine(reason: string, detail: string): void {
    this.rows.write({ type: "quarantine", venue: "", market: null, outcome: null, reason, detail });
  }

  save(): SavedInterpretation {
    return {
      venues: Object.fromEntries([...this.#venues].map(([id, interpreter]) => [id, interpreter.save()])),
      books: this.books.save(),
      connections: [...this.#connections],
      now: this.#now,
    };
  }
}

/** The text of a failure that is the program's own, with the record that it happened at. */
export function describeFailure(error: unknown, record: JournalRecord): string {
  return `record ${record.frame} could not be interpreted: ${messageOf(error)}`;
}
