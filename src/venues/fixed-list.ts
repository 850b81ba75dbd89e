import type { Discovery, HttpRequest, WantedMarket } from "./venue.ts";

/** The discovery of a venue whose markets are named in the configuration: there is nothing to ask. */
export class FixedList implements Discovery {
  readonly markets: readonly WantedMarket[];
  readonly leftOut: number;
  readonly exhaustive = true;

  constructor(markets: readonly WantedMarket[], limit: number) {
    this.markets = markets.slice(0, limit);
    this.leftOut = markets.length - this.markets.length;
  }

  next(): HttpRequest | null {
    return null;
  }

  read(): void {
    // Nothing was asked, so nothing is answered.
  }
}
