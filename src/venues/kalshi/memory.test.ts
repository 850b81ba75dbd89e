import assert from "node:assert/strict";
import { test } from "node:test";
import { Instruments } from "../../model/instrument.ts";
import { Connection, Memory } from "./memory.ts";

test("markets that are over and that nobody carries are forgotten, the oldest first, others never", () => {
  const memory = new Memory(new Instruments(), () => {});
  const options = { useYesPrice: null, resumed: false, connectedAt: null };
  const connection = new Connection(1, memory.stream("market/0"), options, () => {});
  memory.connections.set(1, connection);
  memory.forgetAt = 5;
  for (const ticker of ["A", "B", "C", "D"]) memory.market(ticker).status = "settled";
  memory.market("E").status = "open";
  connection.feed(1).members.add(memory.market("A"));
  assert.equal(memory.markets.size, 5);
  memory.market("F");
  assert.deepEqual([...memory.markets.keys()], ["A", "D", "E", "F"]);
  assert.ok(memory.forgetAt > memory.markets.size);
});
