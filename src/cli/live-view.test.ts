import assert from "node:assert/strict";
import { test } from "node:test";
import { cut, LiveView } from "./live-view.ts";

class Terminal {
  columns = 20;
  rows = 5;
  writableNeedDrain = false;
  readonly writes: string[] = [];
  write(text: string | Uint8Array): boolean {
    this.writes.push(String(text));
    return true;
  }
}

test("a picture is one write over the last one, as wide and high as the terminal", () => {
  const terminal = new Terminal();
  const view = new LiveView(terminal);
  view.draw(["a".repeat(50), "b", "c", "d", "e", "f"]);
  view.draw(["x"]);
  assert.equal(terminal.writes.length, 2);
  const [first = "", second = ""] = terminal.writes;
  assert.equal(first.split("\n").length - 1, 4, "a line is left for the cursor");
  assert.ok(first.includes(`${"a".repeat(18)}…`));
  assert.ok(second.includes("\u001b[4A\r"), "it goes back over the four lines");
  assert.ok(second.endsWith("\u001b[J"));
});

test("a terminal that does not keep up misses pictures; a log line stands above", () => {
  const terminal = new Terminal();
  const view = new LiveView(terminal);
  terminal.writableNeedDrain = true;
  view.draw(["1"]);
  assert.deepEqual(terminal.writes, []);
  terminal.writableNeedDrain = false;
  view.draw(["2"]);
  view.above(() => terminal.write("warning\n"));
  const after = terminal.writes.slice(1).join("");
  assert.ok(after.startsWith("\u001b[1A\r\u001b[Jwarning\n"), "the picture makes room");
  assert.ok(after.includes("2"), "and comes back");
  view.stop();
  assert.equal(terminal.writes.at(-1), "\u001b[?25h");
});

test("a line is cut without its colours, and one that fits keeps them", () => {
  assert.equal(cut("\u001b[31mred\u001b[0m", 3), "\u001b[31mred\u001b[0m");
  assert.equal(cut("\u001b[31mredder\u001b[0m", 4), "red…");
});
