/** Whose system a starter configuration may resemble. */
export const likeNames = ["seed1", "seed2", "seed3", "seed4", "seed5"] as const;

export type Like = (typeof likeNames)[number];

interface Starter {
  /** What the user should know first. */
  readonly about: readonly string[];
  /** Venues beside Kalshi that are configured. */
  readonly venues?: readonly string[];
  readonly listeners: readonly string[];
  readonly sinks: readonly string[];
}

const KALSHI_KEY =
  "# Kalshi's stream needs an API key: set KALSHI_API_KEY_ID and KALSHI_PRIVATE_KEY_PATH in .env beside this file.";

const plain: Starter = {
  about: [
    "Every key with its default: docs/configuration.md. Environment names are FORETAPE_ and the path, for example",
    "FORETAPE_VENUES_KALSHI_ENV. Secrets belong into .env beside this file, never in here.",
  ],
  listeners: [
    "  - name: busiest",
    "    venue: polymarket",
    "    max_markets: 100               # the busiest first",
    "  # - preset: kalshi-btc           # also nfl, nba, mlb, nhl, ncaaf, temperatures, elections, economics, finance, of both venues",
    "  # - name: weather",
    "  #   venue: kalshi                # needs an API key, see venues below",
    "  #   filters:                     # combined with AND; lists are OR",
    "  #     series_tickers: [KXHIGHNY, KXHIGHCHI]",
  ],
  sinks: ["  - type: parquet                  # the tape itself: always there"],
};

const sqlite = [
  "  - type: parquet                  # the tape itself: always there",
  "  - { type: sqlite, path: ./market-data.sqlite }",
];

const starters: Readonly<Record<Like, Starter>> = {
  seed1: {
    about: [
      "Sports markets of Polymarket.",
      "Supabase, PolyRouter history and the health endpoint come with a later release; SQLite stands in for Supabase until then.",
    ],
    listeners: ["  - preset: polymarket-nba"],
    sinks: sqlite,
  },
  seed2: {
    about: [
      "Kalshi's daily high temperatures, as Parquet.",
      "Snapshot schedules, backfill and weather observations come with a later release.",
    ],
    listeners: ["  - preset: kalshi-temperatures"],
    sinks: plain.sinks,
  },
  seed3: {
    about: [
      "Kalshi's Bitcoin markets and Coinbase's spot price, into SQLite.",
      "Edges and scores come with a later release.",
    ],
    venues: ["  coinbase:", "    products: [BTC-USD]", "    stale_after: 5s"],
    listeners: ["  - preset: kalshi-btc"],
    sinks: sqlite,
  },
  seed4: {
    about: [
      "Books of the liquid markets of Polymarket and Kalshi.",
      "DATABASE_URL in .env adds a PostgreSQL sink. Supabase over HTTP and forward fill come with a later release. Listeners in the tape's database: foretape listeners add …",
    ],
    listeners: [
      "  - name: liquid",
      "    venue: polymarket",
      "    filters: { min_liquidity: 1000 }",
      "    max_markets: 500",
      "  - name: kalshi-liquid",
      "    venue: kalshi",
      "    filters: { min_volume: 1000 }",
      "    max_markets: 500",
    ],
    sinks: sqlite,
  },
  seed5: {
    about: [
      "Kalshi's hourly and daily markets.",
      "DATABASE_URL in .env adds a PostgreSQL sink. Cursor backfill, the latest and leader views and Apptainer come with a later release.",
    ],
    listeners: [
      "  - name: hourly-daily",
      "    venue: kalshi",
      "    filters: { strike_periods: [hour, day] }",
      "    discovery_every: 30m",
    ],
    sinks: sqlite,
  },
};

/** Text of a commented configuration; null: for nobody in particular. It always loads. */
export function starterConfig(like: Like | null): string {
  const { about, venues = [], listeners, sinks } = like === null ? plain : starters[like];
  return [
    "# Foretape. Check it with: foretape record --for 10s",
    ...about.map((line) => `# ${line}`),
    "",
    "tape: ./tape                       # directory of the tape, relative to this file",
    "recorder: main                     # name of this recorder and of its journal",
    "",
    KALSHI_KEY,
    "venues:",
    "  kalshi:",
    "    env: prod                      # or demo: a key of one is unknown to the other",
    "    rate_share: 0.5                # share of the key's request budget that we may use",
    ...venues,
    "",
    "listeners:",
    ...listeners,
    "",
    "sinks:",
    ...sinks,
    "",
    "journal:",
    "  sync_every: 100ms                # a power cut loses at most this much",
    "",
    "log:",
    "  level: info                      # debug, info, warn, error, silent",
    "",
  ].join("\n");
}
