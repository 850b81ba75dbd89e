import assert from "node:assert/strict";
import { test } from "node:test";
import type { Step, WantedMarket } from "../venue.ts";
import { isPong, PolymarketSession } from "./session.ts";

const SECOND = 1_000_000;

function wanted(...tokens: readonly (readonly [string, string])[]): WantedMarket[] {
  return tokens.map((outcomes) => ({
    venue: "polymarket",
    market: `0x${outcomes[0]}`,
    outcomes,
    listener: "l",
    channels: ["book"],
    closeAt: null,
  }));
}

function sent(step: Step | null) {
  return (step?.send ?? []).map((text) => (text === "PING" ? text : JSON.parse(text)));
}

function books(...tokens: readonly string[]): Buffer {
  return Buffer.from(
    JSON.stringify(tokens.map((asset_id) => ({ market: "0x", asset_id, bids: [], asks: [], event_type: "book" }))),
  );
}

const change = Buffer.from('{"market":"0x1","price_changes":[],"timestamp":"1","event_type":"price_change"}');
const subscribe = (...assets_ids: string[]) => ({
  assets_ids,
  operation: "subscribe",
  custom_feature_enabled: true,
  initial_dump: true,
});
const unsubscribe = (...assets_ids: string[]) => ({ assets_ids, operation: "unsubscribe" });

/** A session with the books of 1 and 2. */
function live(): PolymarketSession {
  const session = new PolymarketSession(wanted(["1", "2"]));
  session.open(0);
  session.receive(books("1", "2"), 0);
  return session;
}

test("both tokens of every market are subscribed at once, with first books and custom messages", () => {
  const session = new PolymarketSession(wanted(["1", "2"], ["3", "4"]));
  assert.deepEqual(sent(session.open(0)), [
    { assets_ids: ["1", "2", "3", "4"], type: "market", custom_feature_enabled: true, initial_dump: true },
  ]);
});

test("a PING every ten seconds; a PONG is no data", () => {
  const session = live();
  let step: Step | null = session.wake(10 * SECOND);
  for (let n = 2; n < 5; n++) {
    assert.deepEqual(sent(step), ["PING"]);
    assert.equal(step?.wakeAt, n * 10 * SECOND);
    assert.equal(session.receive(Buffer.from("PONG"), n * 10 * SECOND - 1), null);
    step = session.wake(n * 10 * SECOND);
  }
  assert.ok(isPong(Buffer.from("PONG\n")));
  assert.ok(!isPong(change));
});

/** What a session says and decides in two minutes without the book of 3. */
function withoutBook(isLastResort: boolean) {
  const session = new PolymarketSession(wanted(["1", "2"], ["3", "4"]), isLastResort);
  session.open(0);
  session.receive(books("1", "2", "4"), 0);
  const said: [number, unknown][] = [];
  for (let now = 5 * SECOND; now <= 120 * SECOND; now += 5 * SECOND) {
    const step = session.wake(now);
    for (const decision of step?.decisions ?? []) said.push([now / SECOND, decision]);
    for (const command of sent(step)) if (command !== "PING") said.push([now / SECOND, command]);
    if (step?.elsewhere !== undefined) said.push([now / SECOND, step.elsewhere]);
    if (step?.unserved !== undefined) said.push([now / SECOND, step.unserved]);
  }
  return { session, said };
}

test("a token whose first book does not come is subscribed anew once, then its market goes to another connection", () => {
  assert.deepEqual(withoutBook(false).said, [
    [15, { type: "resync", reason: "no-first-book", tokens: ["3"] }],
    [15, unsubscribe("3")],
    [15, subscribe("3")],
    [30, { type: "no-snapshot", asks: 1, tokens: ["3"] }],
    [30, { markets: ["0x3"], capacity: null }],
  ]);
});

test("the book of a market that is over is not asked for again", () => {
  const [one, over] = wanted(["1", "2"], ["3", "4"]);
  const session = new PolymarketSession([one!, { ...over!, isOver: true }]);
  session.open(0);
  session.receive(books("1", "2"), 0);
  for (let now = 5 * SECOND; now <= 60 * SECOND; now += 5 * SECOND) {
    const step = session.wake(now);
    assert.deepEqual([step?.decisions, step?.elsewhere, step?.unserved], [[], undefined, undefined]);
  }
  assert.deepEqual(session.state()[0]?.unacknowledged(), ["0x3"]);
});

test("on the last resort only REST is left; the state says what is missing", () => {
  const { session, said } = withoutBook(true);
  assert.deepEqual(said.at(-1), [30, ["0x3"]]);
  const [state] = session.state();
  assert.deepEqual([state?.desired, state?.acknowledged, state?.observed], [4, 3, 3]);
  assert.deepEqual(state?.unacknowledged(), ["0x3"]);
  session.receive(books("3"), 121 * SECOND);
  assert.deepEqual(session.state()[0]?.unacknowledged(), []);
});

test("which market a frame is about, and that first books are about none", () => {
  const session = live();
  session.receive(change, 0);
  assert.equal(change.toString("latin1", session.marketAt, session.marketAt + 3), "0x1");
  for (const frame of [books("1"), Buffer.from("PONG"), Buffer.from('{"event_type":"new_market","market":"0x1"}')]) {
    session.receive(frame, 0);
    assert.equal(session.marketAt, -1);
  }
});

test("a book in the middle of the stream counts as the first one", () => {
  const session = new PolymarketSession(wanted(["1", "2"]));
  session.open(0);
  session.receive(Buffer.from('{"market":"0x","asset_id":"1","bids":[],"asks":[],"event_type":"book"}'), 0);
  session.receive(books("2"), 0);
  assert.deepEqual(sent(session.wake(30 * SECOND)), ["PING"]);
});

test("a damaged frame means fresh books for every token, at most every ten seconds", () => {
  const session = live();
  for (const [damaged, at] of [
    [Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')]), 20],
    [change.subarray(0, 30), 40],
    [Buffer.from("<html>"), 60],
    [Buffer.alloc(0), 80],
  ] as const) {
    const step = session.receive(damaged, at * SECOND);
    assert.deepEqual(step?.decisions, [{ type: "resync", reason: "malformed", tokens: ["1", "2"] }], String(at));
    assert.deepEqual(
      sent(step).filter((command) => command !== "PING"),
      [unsubscribe("1", "2"), subscribe("1", "2")],
    );
    session.receive(books("1", "2"), at * SECOND);
  }
  const second = session.receive(Buffer.from("x"), 81 * SECOND);
  assert.deepEqual(
    second?.decisions?.map(({ type }) => type),
    ["malformed"],
  );
  assert.equal(session.receive(Buffer.from("x"), 82 * SECOND), null);
  assert.equal(second?.wakeAt, 90 * SECOND);
  assert.deepEqual(
    session.wake(90 * SECOND)?.decisions?.map(({ type }) => type),
    ["resync"],
  );
});

test("a whole frame of any kind asks for nothing", () => {
  const session = live();
  for (const frame of [change, books("1"), Buffer.from("[]"), Buffer.from('{"event_type":"news"}\r\n')]) {
    assert.equal(session.receive(frame, SECOND), null);
  }
});

test("what is wanted later is subscribed and unsubscribed", () => {
  const session = live();
  assert.deepEqual(sent(session.want(wanted(["3", "4"]), 0)), [unsubscribe("1", "2"), subscribe("3", "4")]);
  assert.equal(session.want(wanted(["3", "4"]), 0), null);
});

test("markets named by project get fresh books", () => {
  const session = new PolymarketSession(wanted(["1", "2"], ["3", "4"]));
  session.open(0);
  assert.deepEqual(sent(session.resync(["0x3", "0x9"], SECOND)), [unsubscribe("3", "4"), subscribe("3", "4")]);
});

test("the commands in force are few however long the connection lives", () => {
  const session = live();
  for (let n = 0; n < 50; n++) session.want(wanted(["1", "2"], [`${n}a`, `${n}b`]), 0);
  const inForce = session.commands().map(({ bytes }) => JSON.parse(bytes));
  assert.deepEqual(inForce, [
    { assets_ids: ["1", "2"], type: "market", custom_feature_enabled: true, initial_dump: true },
    subscribe("49a", "49b"),
  ]);
  session.want(wanted(["1", "2"]), 0);
  assert.equal(session.commands().length, 1);
});

test("new markets and results of recorded ones are announced once, however often they come", () => {
  const session = new PolymarketSession(wanted(["1", "2"]));
  session.open(0);
  const [known = ""] = wanted(["1", "2"]).map(({ market }) => market);
  const say = (...messages: object[]) =>
    session.receive(Buffer.from(JSON.stringify(messages.length === 1 ? messages[0] : messages)), 0)?.announced;
  const created = { event_type: "new_market", market: "0xnew", slug: "s", timestamp: "1" };
  assert.deepEqual(say(created), ["0xnew"]);
  assert.equal(say({ ...created, timestamp: "2" }), undefined);
  assert.deepEqual(
    say({ event_type: "new_market", condition_id: "0xb" }, { event_type: "market_resolved", market: known }),
    ["0xb", known],
  );
  assert.equal(say({ event_type: "market_resolved", market: known }), undefined);
  assert.equal(say({ event_type: "market_resolved", market: "0xforeign" }), undefined);
  assert.equal(say({ event_type: "price_change", note: "new_market" }), undefined);
});
