import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, duration, formatBytes, formatDuration } from "./units.ts";

test("durations and sizes are read and written in people's units", () => {
  for (const text of ["100ms", "5s", "10m", "2h", "1d", "250us"])
    assert.equal(formatDuration(duration.parse(text)), text);
  for (const text of ["512kB", "64MB", "2GB", "7B"]) assert.equal(formatBytes(bytes.parse(text)), text);
  assert.equal(duration.parse("1.5s"), 1_500_000);
  assert.equal(bytes.parse("64 MB"), 64 * 1024 * 1024);
  assert.equal(duration.safeParse("2h30m").success, false);
  assert.equal(bytes.safeParse("64").success, false);
});
