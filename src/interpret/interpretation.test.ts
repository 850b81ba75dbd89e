import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type HttpExchange, type JournalRecord, Kind, type Preamble } from "../journal/record.ts";
import { Instruments } from "../model/instrument.ts";
import { ForetapeError } from "../ops/errors.ts";
import { venues } from "../venues/index.ts";
import type { Interpreter, Venue } from "../venues/venue.ts";
import { Interpretation, type InterpretationOptions, type SavedInterpretation } from "./interpretation.ts";
import {
  copyTape,
  dump,
  type DumpedRow,
  openSession,
  preambleOf,
  readSegments,
  recordEvening,
  scratch,
  Script,
} from "./session.fixture.ts";

/** Reads segments with a fresh interpretation; gives the rows of each, and the memory behind each. */
function interpret(
  segments: ReturnType<typeof readSegments>,
  options: Partial<InterpretationOptions> = {},
): { readonly rows: DumpedRow[][]; readonly states: SavedInterpretation[]; readonly interpretation: Interpretation } {
  const interpretation = new Interpretation({
    venues,
    instruments: new Instruments(),
    preamble: preambleOf(segments[0]!.records),
    strict: true,
    ...options,
  });
  const rows: DumpedRow[][] = [];
  const states: SavedInterpretation[] = [];
  for (const { records } of segments) {
    for (const record of records) interpretation.read(record);
    rows.push(dump(interpretation.rows.tables));
    interpretation.rows.clear();
    states.push(JSON.parse(JSON.stringify(interpretation.save())) as SavedInterpretation);
  }
  return { rows, states, interpretation };
}

async function evening(
  t: Parameters<typeof scratch>[0],
): Promise<{ readonly tape: string; readonly segments: ReturnType<typeof readSegments> }> {
  const tape = scratch(t);
  await using journal = await openSession(tape);
  await recordEvening(journal);
  await journal.close();
  return { tape, segments: readSegments(tape) };
}

const named = (rows: readonly DumpedRow[], table: string): DumpedRow[] => rows.filter((row) => row["table"] === table);

test("rows and memory are the same wherever a stretch is stopped and taken up again", async (t) => {
  const { segments } = await evening(t);
  assert.ok(segments.length >= 6, `${segments.length} segments`);
  const whole = interpret(segments);
  const tables = new Set(whole.rows.flat().map((row) => row["table"]));
  for (const table of [
    "orderbook_deltas",
    "orderbook_snapshots",
    "market_snapshots",
    "trades",
    "market_lifecycle",
    "markets",
    "events",
    "series",
    "gaps",
    "subscriptions",
    "quarantine",
  ]) {
    assert.ok(tables.has(table), `no row of ${table}`);
  }
  for (let stop = 1; stop < segments.length; stop++) {
    const resumed = interpret(segments.slice(stop), { saved: whole.states[stop - 1]! });
    assert.deepEqual(resumed.rows, whole.rows.slice(stop), `rows from segment ${stop + 1}`);
    assert.deepEqual(resumed.states, whole.states.slice(stop), `memory from segment ${stop + 1}`);
  }
});

test("each row has the next ordinal of its table and frame, and the frame's time", async (t) => {
  const { segments } = await evening(t);
  const next = new Map<string, number>();
  for (const row of interpret(segments).rows.flat()) {
    const key = `${String(row["table"])} ${String(row["frame"])}`;
    assert.equal(row["n"], next.get(key) ?? 0, key);
    next.set(key, (next.get(key) ?? 0) + 1);
  }
});

test("a reference stands for the latest body of that address, in that segment only", async (t) => {
  const tape = scratch(t);
  const journal = await openSession(tape, { segment: 2000 });
  const script = new Script(journal);
  const [here, there] = [
    { venue: "kalshi", url: "https://x/here" },
    { venue: "kalshi", url: "https://x/there" },
  ];
  const first = script.http(here, "one\ntwo");
  script.http(there, "elsewhere");
  script.http({ ...here, bodyOf: first });
  const third = script.http(here, "x".repeat(1600));
  script.http({ ...here, bodyOf: third });
  await journal.durable();
  script.http({ ...here, bodyOf: third });
  await journal.close();

  const bodies: string[] = [];
  const probes = venues.map((venue): Venue => {
    if (venue.id !== "kalshi") return venue;
    return {
      ...venue,
      interpreter: (...args) =>
        Object.assign(venue.interpreter(...args), {
          http: ({ body }: HttpExchange) => void bodies.push(body.toString()),
        }),
    };
  });
  interpret(readSegments(tape), { venues: probes });
  assert.deepEqual(bodies, ["one\ntwo", "elsewhere", "one\ntwo", "x".repeat(1600), "x".repeat(1600), ""]);
});

test("connections that were open when the process died are gaps from then on, until their books come again", async (t) => {
  const tape = scratch(t);
  const first = await openSession(tape);
  const script = new Script(first);
  const epoch = script.connect("kalshi");
  script.receive(epoch, { id: 1, type: "subscribed", msg: { channel: "orderbook_delta", sid: 1 } });
  script.receive(epoch, {
    type: "orderbook_snapshot",
    sid: 1,
    seq: 1,
    msg: { market_ticker: "T", market_id: "m", yes_dollars_fp: [["0.4000", "5.00"]] },
  });
  script.receive(epoch, {
    type: "orderbook_delta",
    sid: 1,
    seq: 2,
    msg: {
      market_ticker: "T",
      market_id: "m",
      price_dollars: "0.4000",
      delta_fp: "1.00",
      side: "yes",
      ts_ms: 1_786_000_000_000,
    },
  });
  await first.durable();
  const copy = copyTape(tape, join(scratch(t), "copy"));
  await first.close();
  const second = await openSession(copy);
  assert.deepEqual(second.liveConnections, [epoch]);
  const after = new Script(second);
  const successor = after.connect("kalshi");
  after.receive(successor, { id: 1, type: "subscribed", msg: { channel: "orderbook_delta", sid: 1 } });
  after.receive(successor, {
    type: "orderbook_snapshot",
    sid: 1,
    seq: 1,
    msg: { market_ticker: "T", market_id: "m", yes_dollars_fp: [["0.5000", "5.00"]] },
  });
  await second.close();

  const segments = readSegments(copy);
  const gaps = named(interpret(segments).rows.flat(), "gaps");
  const started = segments.flatMap(({ records }) => records).filter(({ kind }) => kind === Kind.started)[1]!;
  assert.equal(gaps[0]?.["cause"], "recorder_down");
  assert.equal(gaps[0]?.["frame"], started.frame);
  assert.equal(gaps[0]?.["resolved_at"], null);
  assert.notEqual(gaps.at(-1)?.["resolved_at"], null);
  assert.equal(gaps.at(-1)?.["opening_frame"], started.frame);
  // The book that the new segment begins with does not pretend to be right.
  const stored = named(interpret(segments).rows.flat(), "orderbook_snapshots").filter(
    (row) => row["trigger"] === "segment",
  );
  assert.deepEqual(
    stored.map((row) => [row["frame"], row["book_state"]]),
    [[started.frame, "uncertain"]],
  );
});

test("a cold start at a later preamble takes up the open connections, their books uncertain until a snapshot", async (t) => {
  const tape = scratch(t);
  const subscribed = { id: 1, type: "subscribed", msg: { channel: "orderbook_delta", sid: 1 } };
  let open: Preamble["connections"] = [];
  const journal = await openSession(tape, { connections: () => open, segment: 1500 });
  const script = new Script(journal);
  const epoch = script.connect("kalshi");
  script.receive(epoch, subscribed);
  open = [
    {
      epoch,
      venue: "kalshi",
      stream: "market/0",
      url: "wss://test",
      format: "kalshi-ws-v2",
      commands: [{ sent: false, bytes: JSON.stringify(subscribed) }],
    },
  ];
  const book = (seq: number, price: string): object => ({
    type: "orderbook_snapshot",
    sid: 1,
    seq,
    msg: { market_ticker: "T", market_id: "m", yes_dollars_fp: [[price, "5.00"]] },
  });
  const change = (seq: number): object => ({
    type: "orderbook_delta",
    sid: 1,
    seq,
    msg: {
      market_ticker: "T",
      market_id: "m",
      price_dollars: "0.4000",
      delta_fp: "1.00",
      side: "yes",
      ts_ms: 1_786_000_000_000,
    },
  });
  script.receive(epoch, book(1, "0.4000"));
  for (let seq = 2; seq < 12; seq++) script.receive(epoch, change(seq));
  await journal.durable();
  script.receive(epoch, change(12));
  script.receive(epoch, book(13, "0.4000"));
  script.receive(epoch, change(14));
  await journal.close();

  const segments = readSegments(tape);
  const from = segments.findIndex(({ records }) => preambleOf(records).connections.length > 0);
  assert.ok(from > 0);
  const { rows, interpretation } = interpret(segments.slice(from));
  const deltas = named(rows.flat(), "orderbook_deltas");
  assert.deepEqual(
    deltas.map((row) => [row["seq"], row["size"]]),
    [
      [12, null],
      [14, 6_000_000],
    ],
  );
  assert.deepEqual(named(rows.flat(), "quarantine"), []);
  assert.equal([...interpretation.books.books()][0]?.state, "live");
});

test("frames of an unknown connection or venue are quarantined, and say which it is", async (t) => {
  const tape = scratch(t);
  const journal = await openSession(tape, { segment: 1000 });
  const script = new Script(journal);
  const epoch = script.connect("elsewhere");
  await journal.durable();
  script.receive(epoch, "x".repeat(1000));
  script.receive(77, "y");
  await journal.durable();
  script.receive(epoch, "z");
  await journal.close();
  const segments = readSegments(tape);
  const whole = interpret(segments);
  const found = named(whole.rows.flat(), "quarantine").map((row) => row["reason"]);
  assert.deepEqual(found, ["unknown_venue", "unknown_venue", "unknown_connection", "unknown_venue"]);
  for (let stop = 1; stop < segments.length; stop++) {
    const resumed = interpret(segments.slice(stop), { saved: whole.states[stop - 1]! });
    assert.deepEqual(resumed.rows, whole.rows.slice(stop));
  }
});

/** Kalshi's interpreter, which throws where `when` says so. */
function faulty(when: (call: keyof Interpreter, bytes: string) => boolean): Venue[] {
  return venues.map((venue) => {
    if (venue.id !== "kalshi") return venue;
    return {
      ...venue,
      interpreter(context, saved) {
        const own = venue.interpreter(context, saved);
        const check = (call: keyof Interpreter, bytes = ""): void => {
          if (when(call, bytes)) throw new TypeError("cannot read what was never there");
        };
        return {
          connected: (...args) => own.connected(...args),
          received(epoch, bytes, at) {
            check("received", bytes.toString());
            own.received(epoch, bytes, at);
          },
          sent: (...args) => own.sent(...args),
          closed(...args) {
            check("closed");
            own.closed(...args);
          },
          http(exchange, at) {
            check("http", exchange.head.url);
            own.http(exchange, at);
          },
          decision(...args) {
            check("decision");
            own.decision(...args);
          },
          wake: (now) => own.wake(now),
          save: () => own.save(),
        };
      },
    } satisfies Venue;
  });
}

test("an interpreter that throws costs one record: it is quarantined, counted, and the books of its connection are doubted", async (t) => {
  const { segments } = await evening(t);
  const isPoison = (call: keyof Interpreter, bytes: string): boolean =>
    call === "received" && bytes.includes('"seq":25,');
  const good = interpret(segments);
  const { rows, interpretation } = interpret(segments, { venues: faulty(isPoison), strict: false });
  assert.equal(interpretation.failures, 1);
  const poison = segments
    .flatMap(({ records }) => records)
    .find((record) => record.kind === Kind.received && isPoison("received", record.payload.toString()))!;
  const failed = named(rows.flat(), "quarantine").filter((row) => row["reason"] === "interpreter_failure");
  assert.equal(failed.length, 1);
  assert.equal(failed[0]?.["frame"], poison.frame);
  assert.equal(failed[0]?.["venue"], "kalshi");
  assert.match(
    String(failed[0]?.["detail"]),
    /^record \d+ could not be interpreted: cannot read what was never there$/,
  );
  assert.equal(failed[0]?.["excerpt"], poison.payload.toString().slice(0, 240));
  const gap = named(rows.flat(), "gaps").find((row) => row["frame"] === poison.frame);
  assert.equal(gap?.["cause"], "malformed");
  assert.equal(gap?.["epoch"], poison.epoch);
  // No size is stated of a book that missed a change, until the venue sends the book again.
  const doubtful = named(rows.flat(), "orderbook_deltas").filter(
    (row) => Number(row["frame"]) > poison.frame && row["epoch"] === poison.epoch,
  );
  assert.ok(doubtful.length > 5);
  for (const row of doubtful) assert.equal(row["size"], null);
  assert.deepEqual(named(rows.flat(), "trades"), named(good.rows.flat(), "trades"));
});

test("failures at records that are no frames are put aside too, and the connection ends all the same", async (t) => {
  const { segments } = await evening(t);
  const calls: ReadonlySet<string> = new Set(["closed", "http", "decision"]);
  const { rows, interpretation } = interpret(segments, { venues: faulty((call) => calls.has(call)), strict: false });
  const kinds: ReadonlySet<Kind> = new Set([Kind.closed, Kind.http, Kind.decision]);
  // The faulty venue is Kalshi.
  const expected = segments
    .flatMap(({ records }) => records)
    .filter(({ kind, payload }) => kinds.has(kind) && !payload.includes('"venue":"coinbase"'));
  const failed = named(rows.flat(), "quarantine").filter((row) => row["reason"] === "interpreter_failure");
  assert.deepEqual(
    failed.map((row) => row["frame"]),
    expected.map(({ frame }) => frame),
  );
  assert.deepEqual(new Set(failed.map((row) => row["venue"])), new Set(["kalshi"]));
  assert.equal(interpretation.failures, expected.length);
  const closed = expected.find(({ kind }) => kind === Kind.closed)!;
  assert.equal(
    interpretation.save().connections.some(([epoch]) => epoch === closed.epoch),
    false,
  );
});

test("in strict mode a failure is thrown with its record", async (t) => {
  const { segments } = await evening(t);
  assert.throws(
    () => interpret(segments, { venues: faulty((call) => call === "received") }),
    (error) =>
      error instanceof ForetapeError &&
      /^record \d+ could not be interpreted: /.test(error.message) &&
      error.cause instanceof TypeError,
  );
});

test("what an import's own machinery writes has the capture's time", async (t) => {
  const tape = scratch(t);
  const journal = await openSession(tape, { source: "import" });
  const epoch = journal.nextEpoch();
  const at = 1_700_000_000_000_000;
  const connected = { venue: "kalshi", stream: "market/0", url: "", format: "kalshi-ws-v2" };
  journal.appendAt(Kind.connected, epoch, JSON.stringify(connected), at);
  journal.appendAt(Kind.received, epoch, "no json", at + 1_000_000);
  journal.appendAt(Kind.received, epoch, "nor this", null);
  journal.append(Kind.closed, epoch, JSON.stringify({ by: "end" }));
  await journal.close();
  const segments = readSegments(tape);
  const rows = named(interpret(segments).rows.flat(), "quarantine");
  assert.deepEqual(
    rows.map((row) => row["received_at"]),
    [at + 1_000_000, null],
  );
  const day = (micros: number): number => Math.floor(micros / 86_400_000_000);
  // A row that knows no time of its own is filed under the day of the import.
  assert.deepEqual(
    rows.map((row) => row["day"]),
    [day(at), day(preambleOf(segments[0]!.records).wall)],
  );
});

test("records of a kind that means nothing to interpreters change nothing", async (t) => {
  const { segments } = await evening(t);
  const blank: Omit<JournalRecord, "kind" | "frame"> = {
    epoch: 0,
    wall: null,
    wallNanos: 0,
    mono: 0,
    payload: Buffer.alloc(0),
  };
  const padded = segments.map(({ segment, records }) => ({
    segment,
    records: records.flatMap((record) =>
      record.kind === Kind.preamble
        ? [record]
        : [
            record,
            { ...blank, kind: Kind.config, frame: record.frame },
            { ...blank, kind: Kind.clockStep, frame: record.frame },
          ],
    ),
  }));
  assert.deepEqual(interpret(padded).rows, interpret(segments).rows);
});

test("what the journal itself lost is a gap on every venue that was connected, and its books are uncertain", async (t) => {
  const tape = scratch(t);
  await using journal = await openSession(tape);
  const script = new Script(journal);
  const epoch = script.connect("kalshi");
  script.receive(epoch, { type: "subscribed", id: 1, msg: { channel: "orderbook_delta", sid: 1 } });
  script.receive(epoch, {
    type: "orderbook_snapshot",
    sid: 1,
    seq: 1,
    msg: { market_ticker: "KXA-1", yes_dollars_fp: [["0.4000", "3.00"]] },
  });
  script.decide({ type: "storage-fault", fault: "write", reason: "ENOSPC", seconds: 2, moved: 0, lost: null });
  script.decide({
    type: "storage-fault",
    fault: "write",
    reason: "ENOSPC",
    seconds: 9,
    moved: 0,
    lost: { records: 5, from: 1_000, to: 9_000 },
  });
  await journal.close();
  const { rows, interpretation } = interpret(readSegments(tape));
  const gaps = named(rows.flat(), "gaps");
  assert.equal(gaps.length, 1, "what cost nothing is no gap");
  assert.deepEqual(
    [gaps[0]?.["venue"], gaps[0]?.["cause"], gaps[0]?.["from_ts"], gaps[0]?.["to_ts"]],
    ["kalshi", "storage", 1_000, 9_000],
  );
  const book = interpretation.books.book(interpretation.instruments.get("kalshi", "KXA-1", "yes"));
  assert.equal(book?.state, "uncertain");
});
