import assert from "node:assert/strict";
import { test } from "node:test";
import type { Channel, Step, WantedMarket } from "../venue.ts";
import { KalshiSession } from "./session.ts";

const SECOND = 1_000_000;

function wanted(names: readonly string[], channels: readonly Channel[] = ["book"]): WantedMarket[] {
  return names.map((market) => ({
    venue: "kalshi",
    market,
    outcomes: ["yes"],
    listener: "l",
    channels,
    closeAt: null,
  }));
}

function sent(step: Step | null) {
  return (step?.send ?? []).map((text) => {
    const { id, cmd, params } = JSON.parse(text);
    return { id, cmd, ...params };
  });
}

function frame(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}

const subscribed = (id: number, sid: number, channel = "orderbook_delta") =>
  frame({ type: "subscribed", id, msg: { channel, sid } });
const snapshot = (market: string, seq: number, id?: number) =>
  frame({
    type: "orderbook_snapshot",
    ...(id === undefined ? {} : { id }),
    sid: 1,
    seq,
    msg: { market_ticker: market },
  });
const delta = (market: string, seq: number) =>
  frame({ type: "orderbook_delta", sid: 1, seq, msg: { market_ticker: market } });

/** A session with the books of A and B, acknowledged and complete at seq 2. */
function live(): KalshiSession {
  const session = new KalshiSession(wanted(["A", "B"]));
  session.open(0);
  session.receive(subscribed(1, 1), 0);
  session.receive(snapshot("A", 1), 0);
  session.receive(snapshot("B", 2), 0);
  return session;
}

test("one subscribe per channel, and the point of view of NO prices is said", () => {
  const session = new KalshiSession(wanted(["A"], ["book", "trades", "ticker", "lifecycle"]));
  assert.deepEqual(sent(session.open(0)), [
    { id: 1, cmd: "subscribe", channels: ["orderbook_delta"], market_tickers: ["A"], use_yes_price: false },
    { id: 2, cmd: "subscribe", channels: ["trade"], market_tickers: ["A"] },
    { id: 3, cmd: "subscribe", channels: ["ticker"], market_tickers: ["A"], send_initial_snapshot: true },
    { id: 4, cmd: "subscribe", channels: ["market_lifecycle_v2"] },
  ]);
});

test("many markets go out in batches, each after the answer to the one before", () => {
  const names = Array.from({ length: 1_100 }, (_, i) => `M${i}`);
  const session = new KalshiSession(wanted(names));
  const first = sent(session.open(0))[0];
  assert.equal(first.market_tickers.length, 500);
  const second = sent(session.receive(subscribed(1, 1), 0))[0];
  assert.deepEqual(
    [second.cmd, second.action, second.sids, second.market_tickers.length],
    ["update_subscription", "add_markets", [1], 500],
  );
  const ok = frame({ type: "ok", id: 2, sid: 1, seq: 1, msg: { market_tickers: names.slice(0, 1_000) } });
  const third = sent(session.receive(ok, 0))[0];
  assert.equal(third.market_tickers.length, 100);
  assert.deepEqual([...first.market_tickers, ...second.market_tickers, ...third.market_tickers], names);
});

test("what is wanted later is added and deleted; when nothing is, the subscription ends", () => {
  const session = live();
  assert.deepEqual(sent(session.want(wanted(["B", "C"]), 0)), [
    { id: 2, cmd: "update_subscription", sids: [1], market_tickers: ["A"], action: "delete_markets" },
  ]);
  const step = session.receive(frame({ type: "ok", id: 2, sid: 1, seq: 3, msg: { market_tickers: ["B"] } }), 0);
  assert.deepEqual(sent(step), [
    { id: 3, cmd: "update_subscription", sids: [1], market_tickers: ["C"], action: "add_markets" },
  ]);
  session.receive(frame({ type: "ok", id: 3, sid: 1, seq: 4, msg: { market_tickers: ["B", "C"] } }), 0);
  assert.deepEqual(sent(session.want([], 0)), [{ id: 4, cmd: "unsubscribe", sids: [1] }]);
  session.receive(frame({ type: "unsubscribed", id: 4, sid: 1, seq: 5 }), 0);
  assert.deepEqual(sent(session.want(wanted(["D"]), 0))[0].cmd, "subscribe");
});

test("a jump in the sequence is a decision, then a snapshot of every book on that sid", () => {
  const session = live();
  assert.equal(session.receive(delta("A", 3), SECOND), null);
  const step = session.receive(delta("A", 6), SECOND);
  assert.deepEqual(step?.decisions, [{ type: "resync", reason: "sequence", sid: 1, expected: 4, got: 6, books: 2 }]);
  assert.deepEqual(sent(step), [
    { id: 2, cmd: "update_subscription", sids: [1], market_tickers: ["A", "B"], action: "get_snapshot" },
  ]);
  // While the answer is awaited another jump asks for nothing at once.
  const again = session.receive(delta("A", 9), SECOND);
  assert.deepEqual(
    again?.decisions?.map(({ type }) => type),
    ["resync"],
  );
  assert.deepEqual(sent(again), []);
  assert.equal(session.receive(snapshot("A", 10, 2), SECOND), null);
  assert.deepEqual(sent(session.receive(snapshot("B", 11, 2), SECOND)), []);
  assert.equal(session.receive(delta("B", 12), 2 * SECOND), null);
});

test("the number of a damaged frame is lost, however readable its beginning", () => {
  const torn = delta("A", 3).subarray(0, 60);
  const noText = Buffer.from(delta("A", 3));
  noText[3] = 0xff;
  for (const damaged of [torn, noText]) {
    const session = live();
    assert.equal(session.receive(damaged, 1), null);
    const step = session.receive(delta("A", 4), 2);
    assert.deepEqual(step?.decisions, [{ type: "resync", reason: "sequence", sid: 1, expected: 3, got: 4, books: 2 }]);
    assert.equal(sent(step)[0]?.action, "get_snapshot");
  }
});

test("however often the sequence jumps, a snapshot is asked for every second and not more often", () => {
  const session = live();
  const asked: number[] = [];
  let seq = 3;
  let wakeAt = Infinity;
  for (let now = 10 * SECOND; now < 15 * SECOND; now += SECOND / 10) {
    const steps = [session.receive(delta("A", (seq += 2)), now)];
    if (wakeAt <= now) steps.push(session.wake(now));
    for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
      wakeAt = step?.wakeAt ?? wakeAt;
      for (const { id, market_tickers } of sent(step)) {
        asked.push(now / SECOND);
        for (const market of market_tickers) steps.push(session.receive(snapshot(market, ++seq, id), now));
      }
    }
  }
  assert.deepEqual(asked, [10, 11, 12, 13, 14]);
});

test("acknowledgements count in the sequence; repetitions and frames of other sids are no jump", () => {
  const session = live();
  session.want(wanted(["A", "B", "C"]), 0);
  session.receive(frame({ type: "ok", id: 2, sid: 1, seq: 3, msg: { market_tickers: ["A", "B", "C"] } }), 0);
  for (const seq of [4, 4, 3, 5]) assert.equal(session.receive(delta("A", seq), 0), null);
  assert.equal(session.receive(frame({ type: "trade", sid: 2, seq: 99, msg: {} }), 0), null);
});

test("a snapshot that does not come is asked for again, then another connection is to serve it", () => {
  const session = live();
  let step = session.resync(["A"], 0);
  assert.equal(sent(step)[0].action, "get_snapshot");
  assert.equal(step?.wakeAt, 15 * SECOND);
  step = session.wake(step?.wakeAt ?? 0);
  assert.deepEqual(sent(step)[0].market_tickers, ["A"]);
  assert.equal(step?.wakeAt, 30 * SECOND);
  step = session.wake(step?.wakeAt ?? 0);
  assert.deepEqual(step?.decisions, [{ type: "no-snapshot", channel: "orderbook_delta", markets: ["A"] }]);
  assert.deepEqual([step?.send, step?.wakeAt], [[], undefined]);
  assert.deepEqual(step?.elsewhere, { markets: ["A"], capacity: null });
});

test("whoever is too busy for a snapshot was not asked: again after a wait, and never given up for that", () => {
  const session = live();
  let step = session.receive(delta("A", 4), 0);
  for (const wait of [1, 2, 4, 8]) {
    const [asked] = sent(step);
    assert.equal(asked?.action, "get_snapshot");
    const refusal = { type: "error", id: asked.id, sid: 1, msg: { code: 27, msg: "Too many requests" } };
    const at = (step?.wakeAt ?? 0) - 15 * SECOND;
    const refused = session.receive(frame(refusal), at);
    assert.deepEqual([sent(refused), refused?.elsewhere, refused?.wakeAt], [[], undefined, at + wait * SECOND]);
    step = session.wake(at + wait * SECOND);
  }
});

test("a first book that does not come is asked for", () => {
  const session = new KalshiSession(wanted(["A", "B"]));
  session.open(0);
  const step = session.receive(subscribed(1, 1), 0);
  assert.equal(step?.wakeAt, 15 * SECOND);
  session.receive(snapshot("A", 1), 0);
  assert.deepEqual(
    sent(session.wake(15 * SECOND)).map(({ action, market_tickers }) => [action, market_tickers]),
    [["get_snapshot", ["B"]]],
  );
});

test("terminal errors end the subscription: subscribed anew at once, then with growing waits", () => {
  const session = live();
  let id = 2;
  let now = SECOND;
  let seq = 3;
  for (const [code, waits] of [
    [25, 0],
    [10, 2],
    [25, 4],
  ] as const) {
    let step = session.receive(frame({ type: "error", sid: 1, seq, msg: { code, msg: "over" } }), now);
    assert.deepEqual(
      step?.decisions?.map(({ type, code: cause }) => [type, cause]),
      [["subscription-ended", code]],
    );
    if (waits > 0) {
      assert.deepEqual([step?.send, step?.wakeAt], [[], now + waits * SECOND]);
      step = session.wake(now + waits * SECOND);
    }
    assert.deepEqual(sent(step), [
      { id, cmd: "subscribe", channels: ["orderbook_delta"], market_tickers: ["A", "B"], use_yes_price: false },
    ]);
    now += waits * SECOND;
    // Acknowledged but never healthy: the waits go on growing.
    session.receive(subscribed(id, 1), now);
    id++;
    seq = 1;
  }
});

test("a refused command is recorded; what may work later is tried again, an unknown channel is not", () => {
  const session = new KalshiSession(wanted(["A"], ["book", "trades"]));
  session.open(0);
  const unknown = session.receive(frame({ type: "error", id: 2, msg: { code: 8, msg: "Unknown channel name" } }), 0);
  assert.deepEqual(unknown?.decisions?.[0]?.["code"], 8);
  const busy = session.receive(frame({ type: "error", id: 1, msg: { code: 27, msg: "too many requests" } }), 0);
  assert.deepEqual(busy?.send, []);
  assert.deepEqual(
    sent(session.wake(busy?.wakeAt ?? 0)).map(({ id, channels }) => [id, channels]),
    [[3, ["orderbook_delta"]]],
  );
});

test("new markets and results of recorded ones are announced once", () => {
  const session = new KalshiSession(wanted(["KXA-1-T1"], ["lifecycle"]));
  session.open(0);
  session.receive(subscribed(1, 1, "market_lifecycle_v2"), 0);
  let seq = 1;
  const announce = (event_type: string, market_ticker: string) =>
    session.receive(frame({ type: "market_lifecycle_v2", sid: 1, seq: seq++, msg: { event_type, market_ticker } }), 0);
  assert.deepEqual(announce("created", "KXA-2-T1"), { announced: ["KXA-2-T1"] });
  assert.equal(announce("activated", "KXA-2-T1"), null);
  assert.deepEqual(announce("activated", "KXB-2-T2"), { announced: ["KXB-2-T2"] });
  assert.equal(announce("settled", "KXA-2-T1"), null);
  assert.equal(announce("activated", "KXA-1-T1"), null);
  assert.deepEqual(announce("determined", "KXA-1-T1"), { announced: ["KXA-1-T1"] });
  assert.deepEqual(announce("settled", "KXA-1-T1"), { announced: ["KXA-1-T1"] });
  assert.equal(announce("settled", "KXA-1-T1"), null);
});

test("where the last resort serves a book no better, only REST is left", () => {
  const session = new KalshiSession(wanted(["A"]), true);
  session.open(0);
  session.receive(subscribed(1, 1), 0);
  let step: Step | null = null;
  for (const at of [15, 30, 45]) step = session.wake(at * SECOND);
  assert.deepEqual([step?.elsewhere, step?.unserved], [undefined, ["A"]]);
});

const refused = (id: number, code: number) => frame({ type: "error", id, msg: { code, msg: "no" } });

test("a full subscription is filled by smaller batches; what finds no room goes to another connection", () => {
  const names = Array.from({ length: 1_100 }, (_, i) => `M${i}`);
  const session = new KalshiSession(wanted(names));
  let step: Step | null = session.open(0);
  const held = new Set<string>();
  let seq = 0;
  for (let command = sent(step)[0]; command !== undefined; command = sent(step)[0]) {
    const { id, cmd, market_tickers } = command;
    if (held.size + market_tickers.length > 777) {
      step = session.receive(refused(id, 26), 0);
      assert.equal(step?.decisions?.[0]?.type, "command-refused");
      continue;
    }
    for (const market of market_tickers) held.add(market);
    step = session.receive(
      cmd === "subscribe"
        ? subscribed(id, 1)
        : frame({ type: "ok", id, sid: 1, seq: ++seq, msg: { market_tickers: [...held] } }),
      0,
    );
  }
  assert.ok(held.size > 777 - 25, String(held.size));
  assert.deepEqual(step?.elsewhere, { markets: names.filter((name) => !held.has(name)), capacity: held.size });
  const [state] = session.state();
  assert.deepEqual([state?.desired, state?.acknowledged, state?.observed], [held.size, held.size, 0]);
});

test("not one market fits: that is said and not repeated for ever", () => {
  const session = new KalshiSession(wanted(["A", "B"]));
  session.open(0);
  assert.equal(sent(session.receive(refused(1, 26), 0))[0].market_tickers.length, 1);
  const step = session.receive(refused(2, 26), 0);
  assert.deepEqual([step?.send, step?.elsewhere], [[], undefined]);
});

test("desired, granted and observed are told apart, and what the venue's list lacks is asked for again", () => {
  const session = live();
  session.want(wanted(["A", "B", "C", "D"]), 0);
  const step = session.receive(
    frame({ type: "ok", id: 2, sid: 1, seq: 3, msg: { market_tickers: ["A", "B", "C"] } }),
    0,
  );
  assert.deepEqual(step?.decisions, [{ type: "not-acknowledged", channel: "orderbook_delta", sid: 1, markets: ["D"] }]);
  const [state] = session.state();
  assert.deepEqual([state?.desired, state?.acknowledged, state?.observed], [4, 3, 2]);
  assert.deepEqual([state?.unacknowledged(), state?.unobserved()], [["D"], ["C"]]);
  session.receive(snapshot("C", 4), SECOND);
  assert.deepEqual(session.state()[0]?.unobserved(), []);
  const again = sent(session.wake(120 * SECOND)).find(({ action }) => action === "add_markets");
  assert.deepEqual(again?.market_tickers, ["D"]);
});

test("a subscription that ends while a command is in flight is made anew with the command's markets", () => {
  for (const facts of [{ sid: 1, seq: 3 }, { id: 2 }]) {
    const session = live();
    assert.equal(sent(session.want(wanted(["A", "B", "C"]), 0))[0].action, "add_markets");
    const step = session.receive(frame({ type: "error", ...facts, msg: { code: 25, msg: "over" } }), 0);
    assert.deepEqual(sent(step)[0].market_tickers, ["A", "B", "C"]);
    // The answer to the command of the dead subscription changes nothing.
    assert.deepEqual(session.receive(refused(2, 7), 0)?.send ?? [], []);
    assert.equal(session.state()[0]?.acknowledged, 0);
    session.receive(subscribed(3, 2), 0);
    assert.equal(session.state()[0]?.acknowledged, 3);
  }
});

test("which market a frame is about, and that answers are about none", () => {
  const session = live();
  const at = (bytes: Buffer) => {
    session.receive(bytes, 0);
    const from = session.marketAt;
    return from < 0 ? null : bytes.toString("latin1", from, bytes.indexOf(34, from));
  };
  assert.equal(at(delta("A", 3)), "A");
  assert.equal(at(frame({ type: "trade", sid: 2, seq: 1, msg: { trade_id: "t", market_ticker: "B" } })), "B");
  assert.equal(at(frame({ type: "ticker", sid: 3, msg: { market_ticker: "A" } })), "A");
  assert.equal(at(snapshot("A", 4)), null);
  assert.equal(at(Buffer.from("{")), null);
});

test("no answer at all: hang up", () => {
  const session = new KalshiSession(wanted(["A"]));
  const { wakeAt } = session.open(0);
  const step = session.wake(wakeAt ?? 0);
  assert.equal(step?.close, "no answer to subscribe of orderbook_delta");
  assert.equal(step?.decisions?.[0]?.type, "no-answer");
});

test("the commands in force are few however long the connection lives", () => {
  const session = live();
  for (let n = 0; n < 50; n++) {
    const names = ["A", `N${n}`];
    let step = session.want(wanted(names), 0);
    for (let command = sent(step)[0]; command !== undefined; command = sent(step)[0]) {
      step = session.receive(
        frame({ type: "ok", id: command.id, sid: 1, seq: command.id + 1, msg: { market_tickers: names } }),
        0,
      );
    }
  }
  const inForce = session.commands();
  assert.equal(inForce.length, 4);
  assert.deepEqual(
    inForce.map(({ sent, bytes }) => [sent, JSON.parse(bytes).cmd ?? JSON.parse(bytes).type]),
    [
      [true, "subscribe"],
      [false, "subscribed"],
      [true, "update_subscription"],
      [false, "ok"],
    ],
  );
});

test("nothing that arrives makes it throw", () => {
  const session = live();
  for (const text of [
    "",
    "{",
    "null",
    '{"type":"error"}',
    '{"type":"ok","id":1,"msg":null}',
    '{"type":"subscribed","msg":{}}',
    '{"type":"error","id":9,"msg":7}',
  ]) {
    session.receive(Buffer.from(text), 0);
  }
  session.receive(Buffer.from([0xff, 0xfe, 0x7b]), 0);
});
