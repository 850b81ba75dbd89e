import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { FetchError } from "../ops/errors.ts";
import { exchange, parseRetryAfter } from "./http.ts";

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/path?key=secret`;
}

const usual = { method: "GET", timeoutMs: 5_000, maxBytes: 1_000, signal: new AbortController().signal };

test("an answer is an answer whatever its status", async (t) => {
  const url = await serve(t, (_, response) => response.writeHead(429, { "retry-after": "10" }).end("<html>"));
  const answer = await exchange({ ...usual, url });
  assert.deepEqual(answer, { status: 429, body: Buffer.from("<html>"), retryAfterMs: 10_000 });
});

test("a body over the limit, a redirect, silence and a dead port are errors that name no query", async (t) => {
  const big = await serve(t, (_, response) => response.end("x".repeat(2_000)));
  const moved = await serve(t, (_, response) => response.writeHead(302, { location: "/" }).end());
  const silent = await serve(t, () => undefined);
  for (const [url, timeoutMs] of [
    [big, 5_000],
    [moved, 5_000],
    [silent, 20],
    ["http://127.0.0.1:1/?key=secret", 5_000],
  ] as const) {
    await assert.rejects(exchange({ ...usual, url, timeoutMs }), (error) => {
      assert.ok(error instanceof FetchError);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  }
});

test("an abort ends the wait with its own reason", async (t) => {
  const abort = new AbortController();
  const reason = new Error("stopped");
  const url = await serve(t, () => abort.abort(reason));
  await assert.rejects(exchange({ ...usual, url, signal: abort.signal }), reason);
});

test("Retry-After is seconds or a date", () => {
  const now = Date.parse("2026-11-21T12:00:00Z");
  assert.equal(parseRetryAfter("1.5", now), 1_500);
  assert.equal(parseRetryAfter("Sat, 21 Nov 2026 12:00:30 GMT", now), 30_000);
  assert.equal(parseRetryAfter("Sat, 21 Nov 2026 11:00:00 GMT", now), 0);
  assert.equal(parseRetryAfter("soon", now), null);
  assert.equal(parseRetryAfter(null, now), null);
});
