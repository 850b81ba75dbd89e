import type { Micros } from "../model/time.ts";
import type { KalshiEvent } from "../venues/kalshi/server-market.ts";
import type { Actor } from "./actor.ts";
import { newYork } from "./calendar.ts";
import { castKalshi, kalshiSeries, type Lifetime } from "./cast.ts";
import type { Stage } from "./stage.ts";
import { chanceAbove, normalCdf } from "./underlying.ts";

const SECOND = 1_000_000;
const HOUR = 3_600 * SECOND;

const BITCOIN = {
  exchangeIndex: 2,
  tags: ["BTC"],
  settlementSource: { name: "CF Benchmarks", url: "https://www.cfbenchmarks.com/data/indices/BRTI" },
};
const BTC_15M = kalshiSeries("KXBTC15M", "Bitcoin price up down", "Crypto", { ...BITCOIN, frequency: "fifteen_min" });
const BTC_HOUR = kalshiSeries("KXBTCD", "Bitcoin price Above/below", "Crypto", { ...BITCOIN, frequency: "hourly" });
const NYC_HIGH = kalshiSeries("KXHIGHNY", "Highest temperature in NYC", "Climate and Weather", {
  frequency: "daily",
  tags: ["Daily temperature"],
  settlementSource: {
    name: "National Weather Service",
    url: "https://forecast.weather.gov/product.php?site=OKX&issuedby=NYC",
  },
});
const NFL_GAME = kalshiSeries("KXNFLGAME", "NFL Game", "Sports", {
  tags: ["Football"],
  feeType: "quadratic_with_maker_fees",
});

/** A window of the 15-minute Bitcoin market. Its strike is the price when it opens and is only known then. */
export function bitcoinWindow(stage: Stage, life: Lifetime): Actor {
  const { bitcoin } = stage;
  const close = newYork(life.closeAt);
  const ticker = `KXBTC15M-${close.date}${close.hour}${close.minute}`;
  const event: KalshiEvent = {
    ticker,
    series: BTC_15M,
    title: "BTC price up in next 15 mins?",
    subTitle: `${close.month} ${close.day} - ${close.hour}:${close.minute} EST`,
    mutuallyExclusive: false,
    strikeAt: life.closeAt,
    productMetadata: { cadence: "fifteen_min" },
  };
  let strike = bitcoin.value;
  const cast = castKalshi(
    stage.random,
    life,
    {
      ticker: `${ticker}-${close.minute}`,
      event,
      title: event.title,
      yesSubTitle: "Target Price: TBD",
      strike: null,
      structure: "tapered_deci_cent",
      rules:
        "If the simple average of BRTI over the last minute is at least the price at the open, then the market resolves to Yes.",
    },
    {
      fair: (at) => chanceAbove(bitcoin, strike, (life.closeAt - at) / SECOND),
      decide: () => (bitcoin.value >= strike ? 0 : 1),
      valueText: () => bitcoin.value.toFixed(2),
      weight: 6,
      recurring: true,
      onOpen: () => {
        strike = Math.round(bitcoin.value * 100) / 100;
        cast.market.strike = { type: "greater_or_equal", floor: strike };
        cast.market.yesSubTitle = `Target Price: $${strike.toFixed(2)}`;
      },
    },
  );
  return cast;
}

function bitcoinLadder(stage: Stage, life: Lifetime, strikes: number): Actor[] {
  const { bitcoin } = stage;
  const close = newYork(life.closeAt);
  const event: KalshiEvent = {
    ticker: `KXBTCD-${close.date}${close.hour}`,
    series: BTC_HOUR,
    title: `Bitcoin price on ${close.month} ${close.day} at ${close.hour}:00 EST?`,
    subTitle: `On ${close.month} ${close.day} at ${close.hour}:00`,
    mutuallyExclusive: false,
    strikeAt: life.closeAt,
    productMetadata: { cadence: "hourly" },
  };
  const centre = Math.round(bitcoin.value / 250) * 250;
  return Array.from({ length: strikes }, (_, i) => {
    const strike = centre + (i - Math.floor(strikes / 2)) * 250 - 0.01;
    return castKalshi(
      stage.random,
      life,
      {
        ticker: `${event.ticker}-T${strike.toFixed(2)}`,
        event,
        title: event.title,
        yesSubTitle: `$${(strike + 0.01).toFixed(0)} or above`,
        strike: { type: "greater", floor: strike },
        structure: "linear_cent",
        rules: `If the simple average of BRTI in the last minute before the close is above ${strike.toFixed(2)}, then the market resolves to Yes.`,
      },
      {
        fair: (at) => chanceAbove(bitcoin, strike, (life.closeAt - at) / SECOND),
        decide: () => (bitcoin.value > strike ? 0 : 1),
        valueText: () => bitcoin.value.toFixed(2),
        weight: 2,
      },
    );
  });
}

function temperatureLadder(stage: Stage, life: Lifetime): Actor[] {
  const { temperature } = stage;
  const close = newYork(life.closeAt);
  const event: KalshiEvent = {
    ticker: `KXHIGHNY-${close.date}`,
    series: NYC_HIGH,
    title: `Highest temperature in NYC on ${close.month} ${close.day}?`,
    subTitle: `On ${close.month} ${close.day}`,
    mutuallyExclusive: true,
    strikeAt: life.closeAt,
    productMetadata: {},
  };
  const low = Math.round(temperature.value) - 2;
  const bands = [
    {
      suffix: `T${low}`,
      strike: { type: "less", cap: low },
      text: `${low - 1}° or below`,
      from: -Infinity,
      to: low - 0.5,
    },
    ...[low, low + 2].map((floor) => ({
      suffix: `B${floor + 0.5}`,
      strike: { type: "between", floor, cap: floor + 1 } as const,
      text: `${floor}° to ${floor + 1}°`,
      from: floor - 0.5,
      to: floor + 1.5,
    })),
    {
      suffix: `T${low + 3}`,
      strike: { type: "greater", floor: low + 3 },
      text: `${low + 4}° or above`,
      from: low + 3.5,
      to: Infinity,
    },
  ] as const;
  const spread = 1.5;
  return bands.map((band) =>
    castKalshi(
      stage.random,
      life,
      {
        ticker: `${event.ticker}-${band.suffix}`,
        event,
        title: `Will the **high temp in NYC** be ${band.text} on ${close.month} ${close.day}?`,
        yesSubTitle: band.text,
        strike: band.strike,
        structure: "linear_cent",
        rules: `If the highest temperature recorded in Central Park is ${band.text}, then the market resolves to Yes.`,
      },
      {
        fair: () =>
          normalCdf((band.to - temperature.value) / spread) - normalCdf((band.from - temperature.value) / spread),
        decide: () => (Math.round(temperature.value) > band.from && Math.round(temperature.value) < band.to ? 0 : 1),
        valueText: () => temperature.value.toFixed(0),
        weight: 1,
      },
    ),
  );
}

function footballGame(stage: Stage, life: Lifetime): Actor[] {
  const { game } = stage;
  const close = newYork(life.closeAt);
  const event: KalshiEvent = {
    ticker: `KXNFLGAME-${close.date}TBDAL`,
    series: NFL_GAME,
    title: "TB Buccaneers vs DAL Cowboys",
    subTitle: `TB vs DAL (${close.month} ${close.day})`,
    mutuallyExclusive: true,
    strikeAt: null,
    productMetadata: { competition: "Pro Football", competition_scope: "Game" },
  };
  return [
    { code: "DAL", name: "Dallas", sign: 1 },
    { code: "TB", name: "Tampa Bay", sign: -1 },
  ].map(({ code, name, sign }) =>
    castKalshi(
      stage.random,
      life,
      {
        ticker: `${event.ticker}-${code}`,
        event,
        title: `${name} wins`,
        yesSubTitle: name,
        strike: { type: "structured", custom: { football_team: stage.random.uuid() } },
        structure: "linear_cent",
        rules: `If ${name} wins the TB Buccaneers vs DAL Cowboys Pro Football game, then the market resolves to Yes.`,
      },
      {
        fair: () => normalCdf(sign * game.value),
        decide: () => (sign * game.value > 0 ? 0 : 1),
        valueText: () => (game.value > 0 ? "Dallas" : "Tampa Bay"),
        weight: 1,
      },
    ),
  );
}

/**
 * The Kalshi markets of a session: a 15-minute Bitcoin window that closes soon, a game, a temperature ladder, and
 * hourly Bitcoin ladders as long as markets are wanted. One more window is created while the session runs.
 */
export function listKalshi(stage: Stage, count: number, closesAt: Micros): Actor[] {
  const createdAt = stage.startAt - 24 * HOUR;
  const life = (hours: number): Lifetime => ({
    createdAt,
    openAt: createdAt + 60 * SECOND,
    closeAt: Math.ceil(stage.startAt / HOUR) * HOUR + hours * HOUR,
  });
  const actors = [bitcoinWindow(stage, { createdAt, openAt: stage.startAt - 600 * SECOND, closeAt: closesAt })];
  actors.push(...footballGame(stage, life(72)), ...temperatureLadder(stage, life(30)));
  const wanted = Math.max(1, count - 1);
  for (let hour = 1; actors.length < wanted; hour++) {
    actors.push(...bitcoinLadder(stage, life(hour), Math.min(20, wanted - actors.length)));
  }
  return actors.slice(0, wanted);
}
