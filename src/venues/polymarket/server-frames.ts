import { formatMillionths, ONE } from "../../model/decimal.ts";
import type { Micros } from "../../model/time.ts";
import type { Happening, LevelTruth, Outgoing, Trade } from "../server.ts";
import { bestOf, type TokenBooks, tickText } from "./server-books.ts";
import type { PolymarketMarket } from "./server-market.ts";

type Of<K extends Happening<PolymarketMarket>["kind"]> = Happening<PolymarketMarket> & { readonly kind: K };

const millis = (at: Micros): string => String(Math.floor(at / 1000));
const data = (text: string, after?: readonly LevelTruth[]): Outgoing => ({
  text,
  kind: "data",
  sequenced: false,
  ...(after !== undefined && { after }),
});

/**
 * Prints the messages of the market channel (docs.polymarket.com, "Market Channel"), with keys in the order in which
 * they were seen on the wire in July 2026. Frames are the same for every connection and are printed once.
 */
export class PolymarketFrames {
  readonly #books: TokenBooks;
  /** What was printed for the latest happening. */
  #printed: { readonly of: object; readonly frames: Map<string, Outgoing> } = { of: {}, frames: new Map() };

  constructor(books: TokenBooks) {
    this.#books = books;
  }

  /** A change as entries for both tokens, the one that the order was entered on first. */
  change(happening: Of<"change">): Outgoing {
    return this.#once(happening, "change", () => {
      const { market, at, entered } = happening;
      const after: LevelTruth[] = [];
      const outcomes = [entered, entered === 0 ? 1 : 0] as const;
      const facts = outcomes.map((outcome) => {
        const best = bestOf(market, outcome);
        const { hash } = this.#books.book(market, outcome);
        const bid = best.bid === null ? "" : formatMillionths(best.bid);
        const ask = best.ask === null ? "" : formatMillionths(best.ask);
        return {
          outcome,
          token: market.tokens[outcome],
          tail: `"hash":"${hash}","best_bid":"${bid}","best_ask":"${ask}"`,
        };
      });
      const entries: string[] = [];
      for (const change of happening.changes) {
        for (const { outcome, token, tail } of facts) {
          const price = formatMillionths(outcome === 0 ? change.price : ONE - change.price);
          const size = formatMillionths(change.size);
          const bid = (change.side === "bid") === (outcome === 0);
          entries.push(
            `{"asset_id":"${token}","price":"${price}","size":"${size}","side":"${bid ? "BUY" : "SELL"}",${tail}}`,
          );
          after.push({ market: market.id, outcome: token, side: bid ? "bid" : "ask", price, size });
        }
      }
      const text = `{"market":"${market.id}","price_changes":[${entries.join(",")}],"timestamp":"${millis(at)}","event_type":"price_change"}`;
      return data(text, after);
    });
  }

  /** The book that follows a match, of the token traded: without tick size and last price. */
  bookAfterTrade(happening: Of<"trade">): Outgoing {
    return this.#once(happening, "book", () => {
      const { market } = happening;
      const token = market.tokens[happening.trade.outcome];
      const { bids, asks, hash, timestamp } = this.#books.book(market, happening.trade.outcome);
      return data(
        `{"market":"${market.id}","asset_id":"${token}","bids":[${bids}],"asks":[${asks}],"hash":"${hash}","timestamp":"${timestamp}","event_type":"book"}`,
      );
    });
  }

  /** The books of a subscription, one frame, in the order of the request. */
  firstBooks(wanted: readonly { market: PolymarketMarket; outcome: 0 | 1 }[]): Outgoing {
    const books = wanted.map(({ market, outcome }) => {
      const { bids, asks, hash, timestamp } = this.#books.book(market, outcome);
      return (
        `{"market":"${market.id}","asset_id":"${market.tokens[outcome]}","timestamp":"${timestamp}","hash":"${hash}",` +
        `"bids":[${bids}],"asks":[${asks}],"tick_size":"${tickText(market)}","event_type":"book",` +
        `"last_trade_price":"${this.#books.lastPrice(market)}"}`
      );
    });
    return data(`[${books.join(",")}]`);
  }

  /** The print of a match, late, on the token traded. */
  print(happening: Of<"print">): Outgoing {
    return this.#once(happening, "print", () => data(this.#printOf(happening.market, happening.trade, happening.at)));
  }

  #printOf(market: PolymarketMarket, trade: Trade, at: Micros): string {
    const price = formatMillionths(trade.outcome === 0 ? trade.price : ONE - trade.price);
    return JSON.stringify({
      market: market.id,
      asset_id: market.tokens[trade.outcome],
      price,
      size: formatMillionths(trade.size),
      fee_rate_bps: "0",
      side: trade.taker === trade.outcome ? "BUY" : "SELL",
      timestamp: millis(at),
      event_type: "last_trade_price",
      transaction_hash: trade.hash,
    });
  }

  bestBidAsk(happening: Of<"quote">, outcome: 0 | 1): Outgoing {
    return this.#once(happening, `bbo${outcome}`, () => {
      const { market, at } = happening;
      const { bid, ask } = bestOf(market, outcome);
      return data(
        JSON.stringify({
          market: market.id,
          asset_id: market.tokens[outcome],
          best_bid: formatMillionths(bid ?? 0),
          best_ask: formatMillionths(ask ?? ONE),
          spread: formatMillionths((ask ?? ONE) - (bid ?? 0)),
          timestamp: millis(at),
          event_type: "best_bid_ask",
        }),
      );
    });
  }

  tickSizeChange(happening: Of<"regridded">, outcome: 0 | 1): Outgoing {
    return this.#once(happening, `tick${outcome}`, () =>
      data(
        JSON.stringify({
          market: happening.market.id,
          asset_id: happening.market.tokens[outcome],
          old_tick_size: formatMillionths(happening.before[0]?.step ?? 0),
          new_tick_size: tickText(happening.market),
          timestamp: millis(happening.at),
          event_type: "tick_size_change",
        }),
      ),
    );
  }

  newMarket(happening: Of<"created" | "opened">): Outgoing {
    return this.#once(happening, "new", () => {
      const { market, at } = happening;
      return data(
        JSON.stringify({
          id: market.gammaId,
          question: market.question,
          market: market.id,
          slug: market.slug,
          description: market.event.description,
          assets_ids: market.tokens,
          outcomes: market.outcomes,
          event_message: eventMessage(market),
          timestamp: millis(at),
          event_type: "new_market",
          tags: [],
          condition_id: market.id,
          active: true,
          clob_token_ids: market.tokens,
          sports_market_type: market.sportsMarketType,
          line: "",
          game_start_time: "",
          order_price_min_tick_size: tickText(market),
          group_item_title: market.groupItemTitle,
          taker_base_fee: "1000",
          fees_enabled: true,
          fee_schedule: feeSchedule(market),
        }),
      );
    });
  }

  marketResolved(happening: Of<"settled">): Outgoing {
    return this.#once(happening, "resolved", () => {
      const { market, at } = happening;
      const winner = market.winner ?? 0;
      return data(
        JSON.stringify({
          id: market.gammaId,
          market: market.id,
          assets_ids: market.tokens,
          winning_asset_id: market.tokens[winner],
          winning_outcome: market.outcomes[winner],
          event_message: null,
          timestamp: millis(at),
          event_type: "market_resolved",
          tags: market.event.tags.map(({ label }) => label),
        }),
      );
    });
  }

  #once(of: object, name: string, print: () => Outgoing): Outgoing {
    if (this.#printed.of !== of) this.#printed = { of, frames: new Map() };
    let frame = this.#printed.frames.get(name);
    if (frame === undefined) {
      frame = print();
      this.#printed.frames.set(name, frame);
    }
    return frame;
  }
}

function eventMessage({ event }: PolymarketMarket) {
  const { id, slug, title, description } = event;
  return { id, ticker: slug, slug, title, description };
}

/** Fees as Gamma and the socket state them; takers only. */
export function feeSchedule({ fee }: PolymarketMarket) {
  return { exponent: 1, rate: fee.rate, takerOnly: true, rebateRate: fee.rebate };
}
