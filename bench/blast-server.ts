import { createServer } from "node:http";
import type { Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { encodeFrames, tickers } from "./capture-frames.ts";

/**
 * Sends pre-encoded frames in large TCP writes: to the floor at its "go", to a recorder once every market is
 * subscribed. A process of its own, told by `markets` and `frames`; says over IPC when it listens, when the first byte
 * goes out and when the last one is gone. It speaks just enough of Kalshi's protocol for a recorder to subscribe.
 */
const markets = Number(process.argv[2]);
const frames = Number(process.argv[3]);
/** Markets in one command of the recorder: each further command is answered with an `ok` that takes a number. */
const BATCH = 500;
const SID = 1;
const SERIES = "KXBTC15M";
const EVENT = "KXBTC15M-26MAY14";
const WRITE_AHEAD = 8 * 1024 * 1024;

const names = tickers(markets);
const encoded = encodeFrames({ markets, frames, sid: SID, seq: Math.ceil(markets / BATCH) - 1 });

const http = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(answer(url)));
});

function answer(url: URL): unknown {
  const path = url.pathname.replace(/^.*\/trade-api\/v2/, "");
  if (path === "/markets") {
    if (!["open", null].includes(url.searchParams.get("status"))) return { markets: [], cursor: "" };
    const from = Number(url.searchParams.get("cursor") ?? "0");
    const page = names.slice(from, from + 1000);
    return { markets: page.map(market), cursor: from + 1000 < names.length ? String(from + 1000) : "" };
  }
  const event = { event_ticker: EVENT, series_ticker: SERIES, title: "BTC" };
  const series = { ticker: SERIES, title: "BTC 15 min", category: "Crypto", tags: [] };
  if (path === "/events") return { events: [event], cursor: "" };
  if (path.startsWith("/events/")) return { event, markets: [] };
  if (path === "/series") return { series: [series] };
  if (path.startsWith("/series/")) return { series };
  return {};
}

function market(ticker: string): unknown {
  return {
    ticker,
    event_ticker: EVENT,
    market_type: "binary",
    status: "active",
    open_time: "2026-05-14T04:30:00Z",
    close_time: "2099-05-14T04:45:00Z",
    yes_sub_title: "above",
    no_sub_title: "below",
    volume_fp: "1.00",
    price_ranges: [{ start: "0.0000", end: "1.0000", step: "0.0010" }],
  };
}

const server = new WebSocketServer({ server: http, perMessageDeflate: false });
server.on("connection", (socket, request) => {
  const raw = request.socket;
  raw.setNoDelay(true);
  if (request.url === "/floor") socket.once("message", () => void blast(raw));
  else converse(socket, raw);
});

/** Answers a recorder's commands; blasts when the last market of the book channel is subscribed. */
function converse(socket: WebSocket, raw: Socket): void {
  const held: string[] = [];
  let seq = 0;
  let nextSid = SID + 1;
  socket.on("message", (data: Buffer) => {
    const { id, cmd, params } = JSON.parse(data.toString("utf8")) as {
      id: number;
      cmd: string;
      params: { channels?: string[]; market_tickers?: string[]; market_ticker?: string; sids?: number[] };
    };
    const list = params.market_tickers ?? (params.market_ticker === undefined ? [] : [params.market_ticker]);
    if (cmd === "subscribe") {
      for (const channel of params.channels ?? []) {
        const book = channel === "orderbook_delta";
        socket.send(`${JSON.stringify({ type: "subscribed", id, msg: { channel, sid: book ? SID : nextSid++ } })}\n`);
        if (book) held.push(...list);
      }
    } else {
      const sid = params.sids?.[0] ?? SID;
      if (sid === SID) held.push(...list);
      const number = sid === SID ? { seq: ++seq } : {};
      socket.send(
        `${JSON.stringify({ type: "ok", id, sid, ...number, msg: { market_tickers: sid === SID ? held : list } })}\n`,
      );
    }
    if (held.length === markets) {
      held.push("");
      // The other channels' commands are answered first.
      setTimeout(() => void blast(raw), 1000);
    }
  });
}

async function blast(raw: Socket): Promise<void> {
  process.send?.({ type: "first" });
  for (const chunk of encoded.chunks) {
    raw.write(chunk);
    if (raw.writableLength > WRITE_AHEAD) await new Promise((resolve) => raw.once("drain", resolve));
  }
  process.send?.({ type: "last" });
}

http.listen(0, "127.0.0.1", () => {
  const address = http.address();
  process.send?.({ type: "listening", port: typeof address === "object" ? address?.port : 0, frames: encoded.frames });
});
process.on("disconnect", () => process.exit());
