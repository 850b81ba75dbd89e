import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DeltaScan } from "./delta-scan.ts";
import { Fields, isObject } from "./fields.ts";
import { readDelta } from "./frames.ts";
import { delta } from "./scenario.fixture.ts";
import { decodeFrame } from "./wire.ts";

interface Read {
  sid: unknown;
  seq: unknown;
  ticker: unknown;
  isNo: boolean;
  price: number;
  change: number;
  ts: number | null;
}

function scanned(bytes: Buffer): Read | null {
  const scan = new DeltaScan();
  if (!scan.read(bytes)) return null;
  const { sid, seq, isNo, price, change, ts } = scan;
  return { sid, seq, ticker: bytes.toString("latin1", scan.tickerFrom, scan.tickerTo), isNo, price, change, ts };
}

/** What the JSON path makes of the same bytes; null where it makes no delta of them. */
function parsed(bytes: Buffer): Read | null {
  const { frame } = decodeFrame(bytes);
  if (frame === null || frame["type"] !== "orderbook_delta" || !isObject(frame["msg"])) return null;
  const fields = new Fields(frame["msg"]);
  const ticker = fields.text("market_ticker");
  const read = readDelta(fields);
  return read === null ? null : { sid: frame["sid"], seq: frame["seq"], ticker, ...read };
}

/** An object's JSON text with its keys in the given order. */
function inOrder(object: Readonly<Record<string, unknown>>, order: readonly number[]): string {
  const keys = Object.keys(object).filter((key) => object[key] !== undefined);
  const ranked = keys.map((key, i) => [order[i % order.length] ?? 0, i, key] as const);
  ranked.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return `{${ranked.map(([, , key]) => `${JSON.stringify(key)}:${JSON.stringify(object[key])}`).join(",")}}`;
}

const digits = (max: number) => fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 1, maxLength: max });
const decimalText = fc
  .tuple(fc.constantFrom("", "-", "+"), digits(10), fc.constantFrom("", "."), fc.oneof(fc.constant(""), digits(8)))
  .map((parts) => parts.join(""));
const ordinaryTime = fc
  .tuple(
    fc.date({ min: new Date("1960-01-01"), max: new Date("2100-01-01"), noInvalidDate: true }),
    fc.oneof(fc.constant(""), digits(10)),
  )
  .map(([date, fraction]) => `${date.toISOString().slice(0, 19)}${fraction === "" ? "" : `.${fraction}`}Z`);
const timeText = fc.oneof(
  ordinaryTime,
  fc.constantFrom("2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01 00:00:00+01:00", ""),
);
/** Mostly the first, now and then the second. */
const mostly = <T, U>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<U>) =>
  fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: odd });
const rarely = <T>(arbitrary: fc.Arbitrary<T>) => mostly(fc.constant(undefined), arbitrary);
const price = fc.integer({ min: 0, max: 10_000 }).map((n) => (n / 10_000).toFixed(4));
const message = fc.record({
  market_ticker: mostly(fc.constantFrom("KXA-1", "KXBTC15M-26MAY140045-45"), fc.string()),
  market_id: fc.uuid(),
  price_dollars: mostly(price, fc.oneof(decimalText, fc.constant(0.5))),
  delta_fp: mostly(
    fc.integer().map((n) => (n / 100).toFixed(2)),
    decimalText,
  ),
  side: mostly(fc.constantFrom("yes", "no"), fc.constant("maybe")),
  ts: mostly(ordinaryTime, timeText),
  ts_ms: mostly(fc.constant(1_780_000_000_123), fc.nat()),
  client_order_id: rarely(fc.string()),
  subaccount: rarely(fc.oneof(fc.nat(), fc.constant(1.5), fc.constant(null))),
  price: rarely(fc.constant(50)),
  delta: rarely(fc.constant(-1)),
});
const envelope = fc.record({
  type: mostly(fc.constant("orderbook_delta"), fc.constant("ticker")),
  sid: fc.nat(9),
  seq: mostly(fc.nat(), fc.oneof(fc.maxSafeNat(), fc.constant("7"), fc.constant(-1))),
  msg: message,
  id: rarely(fc.nat()),
  sending_ts_ms: rarely(fc.constant(1_780_000_000_124)),
});

test("the scanner reads a delta as the JSON path does, or leaves it to it", () => {
  let read = 0;
  fc.assert(
    fc.property(
      envelope,
      fc.array(fc.nat(20), { minLength: 1 }),
      fc.array(fc.nat(20), { minLength: 1 }),
      (frame, outer, inner) => {
        const msg = inOrder(frame.msg, inner);
        const text = inOrder({ ...frame, msg: "MSG" }, outer).replace('"MSG"', () => msg);
        const bytes = Buffer.from(`${text}\n`);
        const fast = scanned(bytes);
        if (fast === null) return;
        read++;
        assert.deepEqual(fast, parsed(bytes));
      },
    ),
    { seed: 20_261_121, numRuns: 10_000 },
  );
  assert.ok(read > 300, `the property is not empty: ${read}`);
});

test("the scanner is never fooled by damage: what it reads from changed bytes, the JSON path reads too", () => {
  const bytes = Buffer.from(`${JSON.stringify({ ...delta(1, 2, "KXA-1"), sending_ts_ms: 1 })}\n`);
  const byte = fc.oneof(fc.constantFrom(...Buffer.from('"{}[],:\\0123456789.-+ \nZT')), fc.nat(255));
  const edits = fc.array(
    fc.record({ at: fc.nat(bytes.length - 1), kind: fc.constantFrom("set", "insert", "cut"), byte }),
    { minLength: 1, maxLength: 3 },
  );
  let read = 0;
  fc.assert(
    fc.property(edits, (changes) => {
      let damaged: Buffer = Buffer.from(bytes);
      for (const { at, kind, byte: value } of changes) {
        const rest = damaged.subarray(kind === "insert" ? at : at + 1);
        damaged = Buffer.concat([damaged.subarray(0, at), Buffer.from(kind === "cut" ? [] : [value]), rest]);
      }
      const fast = scanned(damaged);
      if (fast === null) return;
      read++;
      assert.deepEqual(fast, parsed(damaged), damaged.toString("latin1"));
    }),
    { seed: 20_261_121, numRuns: 20_000 },
  );
  assert.ok(read > 1_000, "the property is not empty");
});

test("the scanner takes what Kalshi sends, in its order and in any other, with the keys of later years", () => {
  const frame = delta(1, 2, "KXA-1", {
    price_dollars: "0.0010",
    delta_fp: "-1000.50",
    side: "no",
    ts: "2026-05-14T04:45:00.83Z",
  });
  const expected = {
    sid: 1,
    seq: 2,
    ticker: "KXA-1",
    isNo: true,
    price: 1_000,
    change: -1_000_500_000,
    ts: 1_778_733_900_830_000,
  };
  const texts = [JSON.stringify(frame), inOrder(frame, [3, 2, 1, 0]), JSON.stringify({ sending_ts_ms: 5, ...frame })];
  for (const text of texts) assert.deepEqual(scanned(Buffer.from(`${text}\n`)), expected);
});
