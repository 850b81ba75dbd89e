import { hash } from "node:crypto";
import { formatMillionths } from "../../model/decimal.ts";
import type { Millionths } from "../../model/decimal.ts";

/** What identifies a print: the venue gives no id. */
export interface Print {
  readonly token: string;
  readonly price: Millionths | null;
  /** The venue's text where it has more than six decimals. */
  readonly priceReported: string | null;
  readonly size: Millionths;
  readonly side: "buy" | "sell" | null;
  readonly transactionHash: string | null;
  /** The venue's own text or number. */
  readonly timestamp: string;
}

/** Prints that are remembered to tell equal ones apart. */
const RECENT = 1024;

/**
 * Makes trade ids from the prints' own content, because Polymarket has none: 40 hex digits, the SHA-1 of transaction
 * hash, token, price, size, side, the timestamp where there is no transaction hash (so that the stream's and the
 * history's record of one fill get the same id), and of how many equal prints came before. Equal prints are counted
 * among the most recent 1,024 of one connection or one HTTP answer.
 */
export class TradeIds {
  readonly #seen = new Map<string, number>();

  next(print: Print): string {
    const price = print.price === null ? (print.priceReported ?? "") : formatMillionths(print.price);
    const content = [
      print.transactionHash ?? print.timestamp,
      print.token,
      price,
      formatMillionths(print.size),
      print.side ?? "",
    ].join("|");
    const occurrence = this.#seen.get(content) ?? 0;
    this.#seen.delete(content);
    this.#seen.set(content, occurrence + 1);
    if (this.#seen.size > RECENT) {
      for (const oldest of this.#seen.keys()) {
        this.#seen.delete(oldest);
        break;
      }
    }
    return hash("sha1", `${content}|${occurrence}`, "hex");
  }

  save(): unknown {
    return [...this.#seen];
  }

  static restore(saved: unknown): TradeIds {
    const ids = new TradeIds();
    for (const [content, count] of saved as [string, number][]) ids.#seen.set(content, count);
    return ids;
  }
}
