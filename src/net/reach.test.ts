import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { serves } from "./reach.ts";

const never = new AbortController().signal;

async function serve(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`;
}

test("whoever answers with less than 500 serves", async (t) => {
  let status = 404;
  const url = await serve(t, (_request, response) => response.writeHead(status).end("<html>"));
  for (status of [200, 301, 400, 401, 404, 426]) assert.equal(await serves(url, 5_000, never), true, `${status}`);
  for (status of [500, 502, 503]) assert.equal(await serves(url, 5_000, never), false, `${status}`);
});

test("nobody there, nobody answering, nobody waiting any more: no", async (t) => {
  const mute = await serve(t, () => {});
  assert.equal(await serves(mute, 20, never), false);
  const abort = new AbortController();
  const asked = serves(mute, 60_000, abort.signal);
  abort.abort();
  assert.equal(await asked, false);
  assert.equal(await serves("ws://127.0.0.1:9/", 5_000, never), false);
  assert.equal(await serves("wss://127.0.0.1:9/", 5_000, AbortSignal.abort()), false);
});
