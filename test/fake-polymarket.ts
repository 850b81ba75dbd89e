import type { WebSocket } from "ws";
import type { Behaviour } from "./fake-venue.ts";

export interface FakeMarket {
  readonly market: string;
  readonly tokens: readonly [string, string];
}

/** Polymarket's market socket and listing as far as the recorder needs them. */
export class FakePolymarket implements Behaviour {
  /** Tokens whose books are not sent. */
  readonly mute = new Set<string>();
  /** Markets that trade no more. */
  readonly closed = new Set<string>();
  readonly #markets: readonly FakeMarket[];

  constructor(markets: readonly FakeMarket[]) {
    this.#markets = markets;
  }

  get(url: URL): object {
    if (url.pathname !== "/markets/keyset") return { status: 404, body: "{}" };
    return {
      markets: this.#markets.map(({ market, tokens }, index) => ({
        id: String(index),
        conditionId: market,
        clobTokenIds: JSON.stringify(tokens),
        closed: this.closed.has(market),
        acceptingOrders: !this.closed.has(market),
        endDate: "2046-11-22T00:00:00Z",
      })),
    };
  }

  said(socket: WebSocket, text: string): void {
    if (text === "PING") return socket.send("PONG");
    const { assets_ids, operation } = JSON.parse(text);
    if (operation === "unsubscribe") return;
    const books = (assets_ids as string[]).filter((token) => !this.mute.has(token)).map((token) => this.#book(token));
    if (books.length > 0) socket.send(JSON.stringify(books));
  }

  #book(token: string): object {
    const market = this.#markets.find(({ tokens }) => tokens.includes(token))?.market ?? "0x0";
    return {
      market,
      asset_id: token,
      timestamp: "1",
      hash: "",
      bids: [],
      asks: [],
      tick_size: "0.01",
      event_type: "book",
    };
  }
}
