import { hashOf } from "./book-hash.ts";
import type { HashedBook } from "./book-hash.ts";
import { parseMillionths } from "../../model/decimal.ts";
import type { Millionths } from "../../model/decimal.ts";

/** One side of a book as the hash needs it: levels in JSON in the venue's own text, by ascending price. */
class HashedSide {
  readonly prices: Millionths[] = [];
  readonly json: string[] = [];

  set(price: Millionths, priceText: string, sizeText: string, empty: boolean): void {
    let low = 0;
    let high = this.prices.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.prices[middle] ?? 0) < price) low = middle + 1;
      else high = middle;
    }
    const known = this.prices[low] === price;
    if (empty) {
      if (!known) return;
      this.prices.splice(low, 1);
      this.json.splice(low, 1);
      return;
    }
    // Both texts are plain decimals by now, so nothing in them needs escaping.
    const json = `{"price":"${priceText}","size":"${sizeText}"}`;
    if (known) this.json[low] = json;
    else {
      this.prices.splice(low, 0, price);
      this.json.splice(low, 0, json);
    }
  }
}

/** The levels of one book in the venue's own text, kept for nothing but the venue's hash of the whole book. */
export class HashedLevels {
  readonly #bids = new HashedSide();
  readonly #asks = new HashedSide();

  /** Sets a level's total; `empty` removes it. The texts must be plain decimals. */
  set(side: "bid" | "ask", price: Millionths, priceText: string, sizeText: string, empty: boolean): void {
    (side === "bid" ? this.#bids : this.#asks).set(price, priceText, sizeText, empty);
  }

  /** The venue's hash of this book with these other fields. */
  hash(fields: Omit<HashedBook, "bids" | "asks">): string {
    return hashOf(fields, this.#bids.json.join(","), this.#asks.json.toReversed().join(","));
  }

  /** Each side as one text, `price:size` by ascending price. */
  save(): unknown {
    return [this.#bids, this.#asks].map((side) =>
      side.json.map((json) => json.slice('{"price":"'.length, -'"}'.length).replace('","size":"', ":")).join(","),
    );
  }

  static restore(saved: unknown): HashedLevels {
    const levels = new HashedLevels();
    const [bids, asks] = saved as [string, string];
    for (const [side, list] of [
      ["bid", bids],
      ["ask", asks],
    ] as const) {
      for (const level of list === "" ? [] : list.split(",")) {
        const [price = "", size = ""] = level.split(":");
        levels.set(side, parseMillionths(price) ?? 0, price, size, false);
      }
    }
    return levels;
  }
}
