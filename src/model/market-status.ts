/** One vocabulary for the life of a market on every venue (`product.md` 6). The venue's own word is kept beside it. */
export type MarketStatus = "unopened" | "open" | "paused" | "closed" | "determined" | "disputed" | "settled" | "voided";
