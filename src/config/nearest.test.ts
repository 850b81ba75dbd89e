import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "./nearest.ts";

test("the nearest name is found for a slip of the finger only", () => {
  assert.equal(nearest("recoder", ["tape", "recorder", "record"]), "recorder");
  assert.equal(nearest("TAPE", ["tape"]), "tape");
  assert.equal(nearest("colour", ["tape", "sinks"]), null);
});
