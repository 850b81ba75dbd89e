import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Levels } from "../model/events.ts";
import { Instruments } from "../model/instrument.ts";
import { StorageError } from "../ops/errors.ts";
import { type ColumnBuffer, TableBuffer } from "../tables/buffer.ts";
import { type ColumnType, marketColumn, type Table, tables } from "../tables/schema.ts";
import type { DatabaseSink, FinishedSegment, JournalIdentity, RowBatch, Sink } from "./sink.ts";

/** A stored row in the units of `tables/schema.ts`: scaled integers, microseconds, booleans as 0 and 1. */
export type PlainRow = Readonly<Record<string, number | string | null | Levels>>;

/** Somewhere a sink writes to, which outlives the sink. */
export interface Destination<S extends Sink = Sink> {
  /** A new sink on it that holds all tables. */
  sink(instruments: Instruments): S;
  /** All rows of a table, also those that a plain name would hide, by recorder, frame, n. No sink is open meanwhile. */
  rows(table: Table): Promise<readonly PlainRow[]>;
}

/**
 * The promises of `Sink`, as tests: every destination runs them. Rows are compared after the end of a segment, the
 * largest unit that a sink may publish in.
 */
export function testSink(name: string, create: () => Destination): void {
  testRoundTrip(name, create);
  const journal = identity("1".repeat(32), 7);
  const fresh = (): Tape => new Tape(create(), journal);

  test(`${name}: what the checkpoint covers is ignored, also after a restart`, async () => {
    const tape = fresh();
    const [one, two, three] = [tape.segment(1), tape.segment(2), tape.segment(3)];
    await tape.write([one, two]);
    await tape.write([one, two, three]);
    await tape.write([three]);
    await tape.holds([one, two, three]);
  });

  test(`${name}: the size of the batches and restarts between segments make no difference`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
        async (sizes, restarts) => {
          const tape = fresh();
          const segments = [1, 2, 3].map((number) => tape.segment(number, { frames: 15, rows: 4 }));
          let run: Segment[] = [];
          for (const [i, segment] of segments.entries()) {
            run.push(segment);
            if (restarts[i] === false) continue;
            await tape.write(run, sizes);
            run = [];
          }
          await tape.write(run, sizes);
          await tape.holds(segments);
        },
      ),
      { seed: 20261121, numRuns: 3 },
    );
  });

  test(`${name}: an unfinished segment goes on where the checkpoint says`, async () => {
    const tape = fresh();
    const [one, two] = [tape.segment(1), tape.segment(2)];
    await tape.write([one]);
    await tape.open(async (sink) => sink.write(tape.batch(two, two.first, two.first + 3)));
    await tape.open(async (sink, checkpoint) => {
      const next = Math.max(two.first, (checkpoint?.frame ?? 0) + 1);
      await sink.write(tape.batch(two, next, two.last));
      await sink.flush();
    });
    await tape.holds([one, two]);
  });

  test(`${name}: a segment may end with a batch that has no records`, async () => {
    const tape = fresh();
    const one = tape.segment(1);
    await tape.open(async (sink) => {
      await sink.write({ ...tape.batch(one, one.first, one.last), last: false });
      await sink.write({ ...tape.batch(one, 1, 0), firstFrame: 0, lastFrame: one.last, lastCrc: 0, last: true });
      await sink.flush();
    });
    await tape.holds([one]);
    const checkpoint = await tape.open((_, at) => Promise.resolve(at));
    assert.deepEqual(checkpoint, { journal: journal.journal, frame: one.last, crc: crcOf(one.last) });
  });

  test(`${name}: another journal under the same recorder number is refused in one sentence`, async () => {
    const tape = fresh();
    await tape.write([tape.segment(1)]);
    const foreign = new Tape(tape.destination, { ...journal, journal: "2".repeat(32) });
    await assert.rejects(
      () => foreign.open(async () => undefined),
      (error) => error instanceof StorageError && /\S/.test(error.message) && !error.message.includes("\n"),
    );
    await tape.holds([tape.segment(1)]);
  });

  test(`${name}: replaced segments hold the new rows only, the others what they held`, async () => {
    const tape = fresh();
    const segments = [1, 2, 3, 4].map((number) => tape.segment(number));
    await tape.write(segments);
    const corrected = [2, 3].map((number) => tape.segment(number, { frames: 20, rows: 3, seed: 99 }));
    for (const _ of ["once", "again"]) {
      await tape.replace(corrected);
      await tape.holds([segments[0]!, ...corrected, segments[3]!]);
    }
    const five = tape.segment(5);
    await tape.write([five]);
    await tape.holds([segments[0]!, ...corrected, segments[3]!, five]);
  });

  test(`${name}: a replacement that is cut off leaves the segment as it was`, async () => {
    const tape = fresh();
    const segments = [1, 2, 3].map((number) => tape.segment(number));
    await tape.write(segments);
    const [two, three] = [2, 3].map((number) => tape.segment(number, { frames: 20, rows: 3, seed: 99 }));
    await tape.open(async (sink) => {
      await sink.beginReplace({ firstFrame: two!.first, lastFrame: three!.last });
      await sink.write(tape.batch(two!, two!.first, two!.last));
      await sink.flush();
      await sink.write(tape.batch(three!, three!.first, three!.first + 5));
    });
    await tape.holds([segments[0]!, two!, segments[2]!]);
  });
}

/** The promises of `Sink` and those of `DatabaseSink`, as tests. */
export function testDatabaseSink(name: string, create: () => Destination<DatabaseSink>): void {
  testSink(name, create);
  const journal = identity("1".repeat(32), 7);
  const fresh = (): Tape<DatabaseSink> => new Tape(create(), journal);

  test(`${name}: a sink that is behind takes what it lacks of finished segments, and goes on behind them`, async () => {
    const tape = fresh();
    const [one, two, three, four] = [1, 2, 3, 4].map((number) => tape.segment(number, { frames: 40, rows: 12 }));
    await tape.open(async (sink) => {
      await sink.write(tape.batch(one!, one!.first, one!.first + 9));
      for (const segment of [one!, two!, two!, three!]) await sink.fill(tape.finished(segment));
      await sink.write(tape.batch(four!, four!.first, four!.last));
      await sink.flush();
    });
    await tape.holds([one!, two!, three!, four!]);
    const checkpoint = await tape.open((_, at) => Promise.resolve(at));
    assert.deepEqual(checkpoint, { journal: journal.journal, frame: four!.last, crc: crcOf(four!.last) });
  });

  test(`${name}: a finished segment that cannot be read to its end leaves nothing`, async () => {
    const tape = fresh();
    const [one, two] = [tape.segment(1), tape.segment(2)];
    await tape.write([one]);
    await tape.open(async (sink) => {
      await assert.rejects(sink.fill(tape.finished(two, { breaksAfter: 2 })), /damaged file/);
    });
    await tape.holds([one]);
    await tape.open((sink) => sink.fill(tape.finished(two)));
    await tape.holds([one, two]);
  });

  test(`${name}: a finished segment is not taken where frames before it are missing`, async () => {
    const tape = fresh();
    const [one, three] = [tape.segment(1), tape.segment(3)];
    await tape.write([one]);
    await tape.open((sink) => assert.rejects(sink.fill(tape.finished(three)), StorageError));
    await tape.holds([one]);
  });
}

/** The first of them, for another way to read a destination. */
export function testRoundTrip(name: string, create: () => Destination): void {
  test(`${name}: rows of every table come back exactly, and the checkpoint with them`, async () => {
    const journal = identity("1".repeat(32), 7);
    const tape = new Tape(create(), journal);
    assert.equal(await tape.open((_, at) => Promise.resolve(at)), null);
    const segment = tape.segment(1, { frames: 40, rows: 12 });
    await tape.write([segment]);
    await tape.holds([segment]);
    const checkpoint = await tape.open((_, at) => Promise.resolve(at));
    assert.deepEqual(checkpoint, { journal: journal.journal, frame: 40, crc: crcOf(40) });
  });
}

/** Rows to write: those of one segment's frames, by table. */
interface Segment {
  readonly number: number;
  readonly first: number;
  readonly last: number;
  readonly rows: ReadonlyMap<Table, readonly Made[]>;
}

interface Made {
  readonly frame: number;
  readonly n: number;
  readonly instrument: Instruments["all"][number];
  readonly cells: readonly (number | string | null | Levels)[];
}

class Tape<S extends Sink = Sink> {
  readonly destination: Destination<S>;
  readonly #identity: JournalIdentity;
  readonly #instruments = new Instruments();

  constructor(destination: Destination<S>, journal: JournalIdentity) {
    this.destination = destination;
    this.#identity = journal;
  }

  async open<T>(use: (sink: S, checkpoint: Awaited<ReturnType<Sink["open"]>>) => Promise<T>): Promise<T> {
    await using sink = this.destination.sink(this.#instruments);
    return await use(sink, await sink.open(this.#identity));
  }

  /** Feeds the segments through one sink, in batches of these numbers of frames, over and over. */
  async write(segments: readonly Segment[], sizes: readonly number[] = [7]): Promise<void> {
    await this.open(async (sink) => {
      for (const segment of segments) await this.#feed(sink, segment, sizes);
      await sink.flush();
    });
  }

  async replace(segments: readonly Segment[]): Promise<void> {
    await this.open(async (sink) => {
      await sink.beginReplace({ firstFrame: segments[0]!.first, lastFrame: segments.at(-1)!.last });
      for (const segment of segments) await this.#feed(sink, segment, [7]);
      await sink.flush();
      await sink.endReplace();
    });
  }

  async holds(segments: readonly Segment[]): Promise<void> {
    for (const table of tables) {
      const expected = segments.flatMap((segment) =>
        (segment.rows.get(table) ?? []).map((row) => this.#plain(table, row)),
      );
      assert.deepEqual(await this.destination.rows(table), expected, table.name);
    }
  }

  /** Segment `number` of segments with this many frames each. The same arguments give the same rows. */
  segment(number: number, { frames = 20, rows = 6, seed = 1 } = {}): Segment {
    const random = generator(seed * 1_000 + number);
    const first = (number - 1) * frames + 1;
    const made = tables.map((table): [Table, Made[]] => {
      const some = Array.from({ length: rows }, () => first + random(frames)).toSorted((a, b) => a - b);
      return [table, some.map((frame, i) => this.#make(table, frame, i, random))];
    });
    return { number, first, last: first + frames - 1, rows: new Map(made) };
  }

  batch(segment: Segment, firstFrame: number, lastFrame: number): RowBatch {
    const buffers = tables.map((table) => {
      const buffer = new TableBuffer(table, 2);
      for (const { frame, n, instrument, cells } of segment.rows.get(table) ?? []) {
        if (frame < firstFrame || frame > lastFrame) continue;
        const row = buffer.add(instrument, 20_778, frame, n);
        for (const [i, column] of buffer.columns.entries()) put(column, row, cells[i] ?? null);
      }
      return buffer;
    });
    const last = lastFrame === segment.last;
    return {
      segment: segment.number,
      firstFrame,
      lastFrame,
      lastCrc: crcOf(lastFrame),
      tables: buffers,
      interpreter: 1,
      last,
    };
  }

  /** The segment as the tape's own tables give it: a table after the other. `breaksAfter`: so many tables can be read. */
  finished(segment: Segment, { breaksAfter = Infinity } = {}): FinishedSegment {
    const { number, first, last } = segment;
    const made = { segment: number, firstFrame: first, lastFrame: last, lastCrc: crcOf(last), interpreter: 1 };
    const batch = (from: number): RowBatch => this.batch(segment, Math.max(first, from), last);
    return {
      ...made,
      rows: async function* (wanted, after) {
        for (const [i, buffer] of batch(after + 1)
          .tables.filter(({ table }) => wanted.includes(table))
          .entries()) {
          if (i === breaksAfter) throw new StorageError("a damaged file");
          if (buffer.length > 0) yield buffer;
        }
      },
    };
  }

  async #feed(sink: Sink, segment: Segment, sizes: readonly number[]): Promise<void> {
    let at = segment.first;
    for (let i = 0; at <= segment.last; i++) {
      const to = Math.min(at + sizes[i % sizes.length]! - 1, segment.last);
      await sink.write(this.batch(segment, at, to));
      at = to + 1;
    }
  }

  #make(table: Table, frame: number, n: number, random: (below: number) => number): Made {
    const names = table.columns.map(({ name }) => name);
    const market = table.name === "events" || table.name === "series" ? "" : `M'${random(3)}`;
    const outcome = names.includes("outcome_id") && random(4) > 0 ? "yes" : null;
    const cells = new TableBuffer(table, 1).columns.map(({ type }) => (random(5) === 0 ? null : cellOf(type, random)));
    return { frame, n, instrument: this.#instruments.get("kalshi", market, outcome), cells };
  }

  #plain(table: Table, { frame, n, instrument, cells }: Made): PlainRow {
    const own = new TableBuffer(table, 1).columns.map(({ name }, i) => [name, cells[i]!] as const);
    const { venue, market, outcome } = instrument;
    return {
      venue,
      [marketColumn(table)]: market === "" ? null : market,
      ...(table.columns.some(({ name }) => name === "outcome_id") ? { outcome_id: outcome } : {}),
      ...Object.fromEntries(own),
      recorder: this.#identity.recorder,
      frame,
      n,
    };
  }
}

function identity(journal: string, recorder: number): JournalIdentity {
  return { journal, name: "main", recorder, host: "here", since: 1_795_000_000_000_000 };
}

const crcOf = (frame: number): number => Math.imul(frame, 2_654_435_761) >>> 0;

const WORDS = ["bid", "", 'it\'s "quoted"', "85° or above\nλ 🎲", '{"a":[1,2]}'];

function cellOf(type: ColumnType, random: (below: number) => number): number | string | Levels {
  switch (type) {
    case "text":
    case "word":
      return WORDS[random(WORDS.length)]!;
    case "json":
      // A venue's text, as it came: a database may look whether it is JSON.
      return JSON.stringify(WORDS[random(WORDS.length)]);
    case "price":
      return random(2_000_000_000) - 999_999_999;
    case "size":
    case "usd":
    case "strike":
      // Two thousand million contracts to six places is what the narrowest sink promises.
      return (random(2) === 0 ? 1 : -1) * (random(2 ** 31) * 1_000_000 + random(1_000_000));
    case "spot":
      // 67 million units to eight places is what the narrowest sink promises.
      return (random(2) === 0 ? 1 : -1) * (random(2 ** 26) * 100_000_000 + random(100_000_000));
    case "integer":
      return random(2 ** 31);
    case "bigint":
      return random(2 ** 32) * 2 ** 20 + random(2 ** 20);
    case "timestamp":
      return 1_700_000_000_000_000 + random(2 ** 32) * 20_000 + random(20_000);
    case "boolean":
      return random(2);
    case "levels": {
      const prices = Array.from({ length: random(4) }, () => random(1_000_001));
      return { prices, sizes: prices.map(() => 1 + random(2 ** 32)) };
    }
  }
}

function put(column: ColumnBuffer, row: number, cell: number | string | null | Levels): void {
  if (column.kind === "number") column.values[row] = typeof cell === "number" ? cell : Number.NaN;
  else if (column.kind === "text") column.values[row] = typeof cell === "string" ? cell : null;
  else column.set(row, typeof cell === "object" ? cell : null);
}

/** A small seeded generator (a linear congruence): integers from 0, below a limit of at most 2³². */
function generator(seed: number): (below: number) => number {
  let state = Math.imul(seed, 2_654_435_761) >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
