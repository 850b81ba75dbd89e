import type { WebSocket } from "ws";
import type { Behaviour } from "./fake-venue.ts";

interface Subscription {
  readonly sid: number;
  readonly channel: string;
  readonly markets: Set<string>;
  seq: number;
}

/** Kalshi's socket as far as the recorder's commands go, one `FakeKalshi` per test. */
export class FakeKalshi implements Behaviour {
  readonly #markets: readonly string[];
  readonly #subscriptions = new WeakMap<WebSocket, Subscription[]>();

  constructor(markets: readonly string[]) {
    this.#markets = markets;
  }

  get(url: URL): object {
    if (url.pathname === "/markets") {
      const open = url.searchParams.get("status") !== "unopened";
      return {
        markets: (open ? this.#markets : []).map((ticker) => ({
          ticker,
          event_ticker: ticker.split("-").slice(0, 2).join("-"),
          status: "active",
          close_time: "2046-11-22T00:00:00Z",
        })),
        cursor: "",
      };
    }
    if (url.pathname === "/events") return { events: [], cursor: "" };
    return { series: { ticker: url.pathname.split("/").at(-1) } };
  }

  said(socket: WebSocket, text: string): void {
    const { id, cmd, params } = JSON.parse(text);
    let held = this.#subscriptions.get(socket);
    if (held === undefined) this.#subscriptions.set(socket, (held = []));
    if (cmd === "subscribe") {
      const [channel] = params.channels;
      const subscription = { sid: held.length + 1, channel, markets: new Set<string>(params.market_tickers), seq: 0 };
      held.push(subscription);
      send(socket, { type: "subscribed", id, msg: { channel, sid: subscription.sid } });
      if (channel === "orderbook_delta") for (const ticker of subscription.markets) this.snapshot(socket, ticker);
    } else if (cmd === "update_subscription") {
      const subscription = held.find(({ sid }) => sid === params.sids[0]);
      if (subscription === undefined)
        return send(socket, { type: "error", id, msg: { code: 7, msg: "Unknown subscription ID" } });
      if (params.action === "get_snapshot") {
        for (const ticker of params.market_tickers) this.snapshot(socket, ticker, id);
        return;
      }
      for (const ticker of params.market_tickers) {
        if (params.action === "add_markets") subscription.markets.add(ticker);
        else subscription.markets.delete(ticker);
      }
      const msg = { market_tickers: [...subscription.markets] };
      send(socket, { type: "ok", id, sid: subscription.sid, seq: ++subscription.seq, msg });
      if (params.action === "add_markets" && subscription.channel === "orderbook_delta") {
        for (const ticker of params.market_tickers) this.snapshot(socket, ticker);
      }
    } else if (cmd === "unsubscribe") {
      const at = held.findIndex(({ sid }) => sid === params.sids[0]);
      const [gone] = held.splice(at, 1);
      if (gone !== undefined) send(socket, { type: "unsubscribed", id, sid: gone.sid, seq: ++gone.seq });
    }
  }

  snapshot(socket: WebSocket, ticker: string, id?: number): void {
    const book = this.#book(socket);
    send(socket, {
      type: "orderbook_snapshot",
      ...(id === undefined ? {} : { id }),
      sid: book.sid,
      seq: ++book.seq,
      msg: { market_ticker: ticker, market_id: "m", yes_dollars_fp: [["0.4800", "10.00"]] },
    });
  }

  /** A book change; `lose` sequence numbers are skipped before it. */
  delta(socket: WebSocket, ticker: string, lose = 0): void {
    const book = this.#book(socket);
    book.seq += lose;
    send(socket, {
      type: "orderbook_delta",
      sid: book.sid,
      seq: ++book.seq,
      msg: { market_ticker: ticker, market_id: "m", price_dollars: "0.4800", delta_fp: "1.00", side: "yes", ts_ms: 1 },
    });
  }

  #book(socket: WebSocket): Subscription {
    const book = this.#subscriptions.get(socket)?.find(({ channel }) => channel === "orderbook_delta");
    if (book === undefined) throw new Error("nobody subscribed to books");
    return book;
  }
}

export function send(socket: WebSocket, message: unknown): void {
  socket.send(`${JSON.stringify(message)}\n`);
}
