import { OrderBook } from "../books/order-book.ts";
import type { Interpretation } from "../interpret/interpretation.ts";
import type { BookSnapshot, MarketEvent } from "../model/events.ts";
import type { PolymarketInterpreter } from "../venues/polymarket/interpret.ts";
import { type Check, count, Findings } from "./check.ts";

/** Compares live books with the venue's own snapshots of them, and reports the other witnesses of books. */
export class BookAudit {
  readonly #findings: Findings;
  readonly #incoming = new OrderBook();
  #audited = 0;
  #equal = 0;
  #differing = 0;

  constructor(journal: string) {
    this.#findings = new Findings("books", journal);
  }

  /** An event before the books take it. */
  event(event: MarketEvent, frame: number, interpretation: Interpretation): void {
    if (event.type === "book_snapshot") this.#snapshot(event, frame, interpretation);
  }

  #snapshot({ instrument, bids, asks }: BookSnapshot, frame: number, interpretation: Interpretation): void {
    const known = interpretation.books.book(instrument);
    if (known?.state !== "live") return;
    this.#incoming.replace(bids, asks);
    // Kalshi empties the book of a market that closes (seen on the wire, capture of 2026-05-14): nothing to compare.
    if (this.#incoming.depth === 0 && known.book.depth > 0) return;
    this.#audited++;
    const same = (["bid", "ask"] as const).every((side) => {
      const [ours, theirs] = [known.book.levels(side), this.#incoming.levels(side)];
      return (
        ours.prices.length === theirs.prices.length &&
        ours.prices.every((price, i) => price === theirs.prices[i] && ours.sizes[i] === theirs.sizes[i])
      );
    });
    if (same) this.#equal++;
    // Kalshi numbers every change, so a book without a hole equals the snapshot that follows; Polymarket numbers none.
    else if (instrument.venue === "kalshi") {
      this.#findings.fail(
        `frame ${frame}: the book of ${instrument.market} was live and is not what the venue's snapshot says`,
      );
    } else this.#differing++;
  }

  result(interpretation: Interpretation): Check {
    const said: string[] = [];
    if (this.#differing > 0)
      this.#findings.note(`${count(this.#differing, "live book")} differed from the venue's next snapshot`);
    if (this.#audited > 0) said.push(`${this.#equal} of ${count(this.#audited, "venue snapshot")} equal the live book`);
    const { witnessed, witnessEqual } = interpretation.books.counts;
    if (witnessed > 0)
      said.push(`${witnessEqual} of ${count(witnessed, "REST book")} equal the live book in that moment`);
    for (const [venue, { compared, exact, settled }] of interpretation.books.agreement()) {
      if (compared === 0) continue;
      said.push(
        `${venue}'s own best prices ${percent(settled, compared)} equal within their delay (${percent(exact, compared)} at once) of ${compared}`,
      );
    }
    const polymarket = interpretation.venue("polymarket") as PolymarketInterpreter | undefined;
    const hashes = polymarket?.hashAgreement();
    if (hashes !== undefined && hashes.checked > 0)
      said.push(`${percent(hashes.matched, hashes.checked)} of ${hashes.checked} book hashes agree`);
    const { crossings } = interpretation.books.counts;
    said.push(
      `crossed for moments ${count(crossings, "time")}, ${count(interpretation.books.openGaps, "gap")} open at the end`,
    );
    return this.#findings.result(said.join(", "));
  }
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}
