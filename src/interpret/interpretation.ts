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
import { ForetapeError, messageOf } from "../ops/errors.ts";
import { Rows } from "../tables/rows.ts";
import type { Interpreter, Venue } from "../venues/venue.ts";
import type { MarketEvent } from "../model/events.ts";
import { type WireDrift, WireRadar } from "./wire-radar.ts";

/** What an interpretation remembers at a record: a cache, never read by another version. */
export interface SavedInterpretation {
  readonly venues: Readonly<Record<string, unknown>>;
  readonly radars: Readonly<Record<string, unknown>>;
  readonly books: unknown;
  readonly connections: readonly (readonly [number, Connected])[];
  readonly now: Micros;
  /** A segment has begun and its books are not stored yet. */
  readonly snapshotDue: boolean;
}

export interface InterpretationOptions {
  readonly venues: readonly Venue[];
  readonly instruments: Instruments;
  /** Preamble of the segment that reading starts at. */
  readonly preamble: Preamble;
  readonly saved?: SavedInterpretation;
  /** Throw what an interpreter throws, with the record that it threw at, instead of putting that record aside: for tests. */
  readonly strict?: boolean;
  /** Sees every event before its row is made: for `tail`, the library and tests. */
  readonly observe?: (event: MarketEvent, at: Micros | null, frame: number) => void;
  /** A venue's messages are not what they were. */
  readonly onDrift?: (drift: WireDrift) => void;
}

/** Events that tell of the recording, not of the market: they come where a frame was understood, and where it was not. */
const ABOUT_US: ReadonlySet<MarketEvent["type"]> = new Set(["gap_opened", "gap_closed", "subscription"]);

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
  readonly #radars = new Map<string, WireRadar>();
  readonly #connections = new Map<number, Connected>();
  /** The interpreter of each connection, by epoch. */
  readonly #byEpoch: (Interpreter | undefined)[] = [];
  readonly #radarByEpoch: (WireRadar | undefined)[] = [];
  /** What came of the frame at hand. */
  #madeRow = false;
  #suspicious = false;
  /** The last body of each URL in this segment, which an `http` record may refer to. */
  readonly #bodies = new Map<string, { readonly frame: number; readonly body: Buffer }>();
  readonly #imported: boolean;
  readonly #strict: boolean;
  readonly #emit: (event: MarketEvent) => void;
  #failures = 0;
  #cold: boolean;
  #frame = 0;
  #at: Micros | null = null;
  #now: Micros;
  #snapshotDue: boolean;

  constructor(options: InterpretationOptions) {
    const { instruments, preamble, saved, observe } = options;
    this.instruments = instruments;
    this.rows = new Rows({ instruments, live: preamble.source === "live", fallback: preamble.wall });
    this.books = new Books({
      instruments,
      emit: (row) => this.rows.write(row),
      ...(saved === undefined ? {} : { saved: saved.books }),
    });
    this.#emit = (event) => {
      if (event.type === "quarantine") this.#suspicious = true;
      else if (!ABOUT_US.has(event.type)) this.#madeRow = true;
      observe?.(event, this.#at, this.#frame);
      this.books.apply(event, this.#at, this.#frame);
    };
    const unusual = () => {
      this.#suspicious = true;
    };
    const context = { instruments, emit: this.#emit, unusual };
    for (const venue of options.venues) {
      const { id, wire } = venue;
      this.#venues.set(id, venue.interpreter(context, saved?.venues[id]));
      const alarm = (drift: WireDrift) => this.#drifted(drift, options.onDrift);
      if (wire !== undefined) this.#radars.set(id, new WireRadar(id, wire, alarm, saved?.radars[id]));
    }
    this.#interpreters = [...this.#venues.values()];
    for (const [epoch, connected] of saved?.connections ?? []) {
      this.#connections.set(epoch, connected);
      this.#byEpoch[epoch] = this.#venues.get(connected.venue);
      this.#radarByEpoch[epoch] = this.#radars.get(connected.venue);
    }
    this.#imported = preamble.source === "import";
    this.#strict = options.strict ?? false;
    this.#cold = saved === undefined;
    this.#now = saved?.now ?? 0;
    this.#snapshotDue = saved?.snapshotDue ?? false;
  }

  /** The interpreter of a venue, for what only it can tell (hash agreement). */
  venue(id: string): Interpreter | undefined {
    return this.#venues.get(id);
  }

  /** Receive time of the latest record. */
  get now(): Micros {
    return this.#now;
  }

  /** Calls to interpreters that failed: bugs of this program. Each put one record aside, as a row of `quarantine`. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * Interprets one record. An interpreter that throws costs that record only: it is quarantined and its connection's books
   * are uncertain, because recording must go on and a restart would meet the same record again.
   */
  read(record: JournalRecord): void {
    // An import's own records (they alone have a monotonic time) were made long after what it holds: the time of what
    // they cause is that of the capture.
    const at = this.#imported && record.mono !== 0 ? this.#now || null : record.wall;
    this.#at = at;
    this.#frame = record.frame;
    this.rows.begin(record.frame, at, record.payload);
    if (at !== null && at > this.#now) {
      this.#now = at;
      this.#wake(at);
    }
    this.#interpret(record, at);
    // Not with the preamble: a `started` record behind it says which connections had died, whose books are not what they
    // seem. And after the record: a stored book holds all changes up to its frame number, as the venue's own do.
    if (this.#snapshotDue && record.kind !== Kind.preamble) this.#storeBooks();
  }

  #interpret(record: JournalRecord, at: Micros | null): void {
    if (record.kind !== Kind.received) {
      this.#guard(record.epoch, undefined, () => this.#control(record, at));
      return;
    }
    const interpreter = this.#byEpoch[record.epoch];
    if (interpreter === undefined) {
      const venue = this.#connections.get(record.epoch)?.venue;
      if (venue === undefined) this.#quarantine("unknown_connection", `connection ${record.epoch} is not open`);
      else this.#quarantine("unknown_venue", `no interpreter for venue "${venue}" in this version`);
      return;
    }
    this.#madeRow = false;
    this.#suspicious = false;
    try {
      interpreter.received(record.epoch, record.payload, at);
    } catch (error) {
      this.#failed(error, record.epoch);
      this.#suspicious = true;
    }
    this.#radarByEpoch[record.epoch]?.received(record.payload, this.#now, this.#madeRow, this.#suspicious);
  }

  #wake(now: Micros): void {
    try {
      this.books.wake(now, this.#frame);
      for (const interpreter of this.#interpreters) interpreter.wake(now);
      for (const radar of this.#radars.values()) radar.wake(now);
    } catch (error) {
      this.#failed(error, 0);
    }
  }

  #guard(epoch: number, venue: string | undefined, interpret: () => void): void {
    try {
      interpret();
    } catch (error) {
      this.#failed(error, epoch, venue);
    }
  }

  /** What the record should have changed is unknown: the books that its connection feeds cannot be trusted any more. */
  #failed(error: unknown, epoch: number, venue = this.#connections.get(epoch)?.venue ?? ""): void {
    const detail = `record ${this.#frame} could not be interpreted: ${messageOf(error)}`;
    if (this.#strict) throw new ForetapeError("interpreter", detail, { cause: error });
    this.#failures++;
    this.#quarantine("interpreter_failure", detail, venue);
    const books = [...this.books.books()].filter((view) => view.epoch === epoch && view.state === "live");
    if (epoch === 0 || books.length === 0) return;
    this.#emit({
      type: "gap_opened",
      key: `${venue}/${epoch}/interpreter`,
      venue,
      market: null,
      outcome: null,
      epoch,
      sid: null,
      channel: null,
      from: this.#at,
      to: this.#at,
      cause: "malformed",
      confidence: "inferred",
      evidence: { interpreter_failure: messageOf(error) },
      books: books.map(({ instrument }) => instrument),
    });
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
        const { venue } = decision;
        if (decision.type === "storage-fault") return this.#storageFault(decision);
        const interpreter = venue === undefined ? this.#byEpoch[epoch] : this.#venues.get(venue);
        return this.#guard(epoch, venue, () => interpreter?.decision(decision, epoch, at));
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
    const radar = this.#radars.get(connected.venue);
    this.#radarByEpoch[epoch] = radar;
    radar?.connected();
    if (interpreter === undefined) {
      this.#quarantine("unknown_venue", `no interpreter for venue "${connected.venue}" in this version`);
    }
    return interpreter;
  }

  #closed(epoch: number, closed: Closed, at: Micros | null): void {
    this.#guard(epoch, undefined, () => this.#byEpoch[epoch]?.closed(epoch, closed, at));
    this.#connections.delete(epoch);
    this.#byEpoch[epoch] = undefined;
    this.#radarByEpoch[epoch] = undefined;
  }

  #preamble(preamble: Preamble, at: Micros | null): void {
    this.#bodies.clear();
    if (this.#cold) {
      // Nothing is known from before: take up the connections that were open, their books uncertain.
      for (const connection of preamble.connections) {
        this.#guard(connection.epoch, connection.venue, () => this.#resume(connection, at));
      }
      this.#cold = false;
    }
    this.#snapshotDue = true;
  }

  /** The journal could not be written for a while: what was lost of it is a gap on every venue that was connected. */
  #storageFault({ lost, fault, reason }: Decision): void {
    if (typeof lost !== "object" || lost === null || !("from" in lost && "to" in lost)) return;
    const { from, to } = lost;
    const connected = new Set([...this.#connections.values()].map(({ venue }) => venue));
    for (const venue of connected) {
      const books = [...this.books.books()].map(({ instrument }) => instrument).filter((each) => each.venue === venue);
      this.#emit({
        type: "gap_opened",
        key: `storage/${venue}/${this.#frame}`,
        venue,
        market: null,
        outcome: null,
        epoch: null,
        sid: null,
        channel: null,
        from: typeof from === "number" ? from : null,
        to: typeof to === "number" ? to : null,
        cause: "storage",
        confidence: "proven",
        evidence: { fault, reason, lost },
        books,
      });
    }
  }

  #storeBooks(): void {
    this.#snapshotDue = false;
    this.#guard(0, undefined, () => this.books.snapshotActive(this.#at));
  }

  /** Takes up a connection that was open before the first record: what is still in force on it, but not its books. */
  #resume({ epoch, commands, ...connected }: Preamble["connections"][number], at: Micros | null): void {
    const interpreter = this.#route(epoch, connected);
    interpreter?.connected(epoch, { ...connected, facts: { ...connected.facts, resumed: true } }, at);
    for (const { sent, bytes } of commands) {
      const frame = Buffer.from(bytes, "latin1");
      if (sent) interpreter?.sent(epoch, frame, at);
      else interpreter?.received(epoch, frame, at);
    }
  }

  #http(record: JournalRecord, at: Micros | null): void {
    const exchange = decodeHttp(
      record.payload,
      (frame) => this.#bodies.values().find((known) => known.frame === frame)?.body,
    );
    const { venue, url } = exchange.head;
    if (exchange.head.bodyOf === undefined) {
      this.#bodies.set(url, { frame: record.frame, body: Buffer.from(exchange.body) });
    }
    this.#guard(0, venue, () => this.#venues.get(venue)?.http(exchange, at));
  }

  #drifted(drift: WireDrift, onDrift: InterpretationOptions["onDrift"]): void {
    const { venue, type, changes } = drift;
    for (const change of changes) {
      const detail = `${type}: ${change}`;
      this.#emit({ type: "quarantine", venue, market: null, outcome: null, reason: "wire_drift", detail });
    }
    onDrift?.(drift);
  }

  #quarantine(reason: string, detail: string, venue = ""): void {
    this.rows.write({ type: "quarantine", venue, market: null, outcome: null, reason, detail });
  }

  save(): SavedInterpretation {
    return {
      venues: Object.fromEntries([...this.#venues].map(([id, interpreter]) => [id, interpreter.save()])),
      radars: Object.fromEntries([...this.#radars].map(([id, radar]) => [id, radar.save()])),
      books: this.books.save(),
      connections: [...this.#connections],
      now: this.#now,
      snapshotDue: this.#snapshotDue,
    };
  }
}
