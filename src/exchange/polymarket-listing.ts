import { ONE } from "../model/decimal.ts";
import type { Micros } from "../model/time.ts";
import type { PolymarketEvent, PolymarketTag } from "../venues/polymarket/server-market.ts";
import type { Actor } from "./actor.ts";
import { castPolymarket, type Lifetime } from "./cast.ts";
import { uniformGrid } from "./grid.ts";
import type { Stage } from "./stage.ts";
import { chanceAbove, normalCdf } from "./underlying.ts";

const SECOND = 1_000_000;
const HOUR = 3_600 * SECOND;
const CENT = uniformGrid(ONE / 100);
const TENTH = uniformGrid(ONE / 1000);

const CRYPTO_FEE = { type: "crypto_15_min", rate: 0.07, rebate: 0.2 };
const SPORTS_FEE = { type: "sports_fees", rate: 0.03, rebate: 0.25 };
const FINANCE_FEE = { type: "finance_fees", rate: 0.04, rebate: 0.25 };

const tag = (id: string, label: string): PolymarketTag => ({
  id,
  label,
  slug: label.toLowerCase().replaceAll(" ", "-"),
});
const CRYPTO = [tag("21", "Crypto"), tag("235", "Bitcoin"), tag("102127", "Up or Down")];
const SPORTS = [tag("1", "Sports"), tag("745", "NBA"), tag("100639", "Games")];
const FED = [tag("120", "Finance"), tag("159", "Fed"), tag("100196", "Fed Rates")];

/** A window of the 15-minute Bitcoin market, with outcomes Up and Down. */
export function upDownWindow(stage: Stage, life: Lifetime): Actor {
  const { bitcoin } = stage;
  const opens = Math.floor(life.openAt / SECOND);
  const slug = `btc-updown-15m-${opens}`;
  const title = `Bitcoin Up or Down - 15 minutes from ${new Date(opens * 1000).toISOString().slice(11, 16)} UTC`;
  let strike = bitcoin.value;
  return castPolymarket(
    stage.random,
    life,
    {
      event: {
        id: stage.random.digits(6),
        slug,
        title,
        description:
          "This market resolves to Up if the Bitcoin price at the end is at least the price at the beginning.",
        series: { id: "10192", slug: "btc-up-or-down-15m", title: "BTC Up or Down 15m", recurrence: "15m" },
        tags: CRYPTO,
        negRiskMarketId: null,
        createdAt: life.createdAt,
      },
      question: title,
      slug,
      outcomes: ["Up", "Down"],
      ticks: CENT,
      fee: CRYPTO_FEE,
    },
    {
      fair: (at) => chanceAbove(bitcoin, strike, (life.closeAt - at) / SECOND),
      decide: () => (bitcoin.value >= strike ? 0 : 1),
      valueText: () => bitcoin.value.toFixed(2),
      weight: 4,
      recurring: true,
      onOpen: () => {
        strike = bitcoin.value;
      },
    },
  );
}

function basketballGame(stage: Stage, life: Lifetime): Actor {
  const { game } = stage;
  const slug = `nba-lal-bos-${new Date(life.closeAt / 1000).toISOString().slice(0, 10)}`;
  return castPolymarket(
    stage.random,
    life,
    {
      event: {
        id: stage.random.digits(6),
        slug,
        title: "Lakers vs. Celtics",
        description: "This market resolves to the team that wins the game.",
        series: { id: "10345", slug: "nba-2027", title: "NBA 2027", recurrence: "daily" },
        tags: SPORTS,
        negRiskMarketId: null,
        createdAt: life.createdAt,
      },
      question: "Lakers vs. Celtics",
      slug,
      outcomes: ["Lakers", "Celtics"],
      sportsMarketType: "moneyline",
      ticks: CENT,
      fee: SPORTS_FEE,
    },
    {
      fair: () => normalCdf(-game.value),
      decide: () => (game.value < 0 ? 0 : 1),
      valueText: () => (game.value < 0 ? "Lakers" : "Celtics"),
      weight: 2,
    },
  );
}

/** A neg-risk event: its markets exclude each other, so their fair values add up to 1. */
function fedDecision(stage: Stage, life: Lifetime): Actor[] {
  const chance = (i: number) => {
    const weights = stage.rates.map((rate) => Math.exp(rate.value));
    return (weights[i] ?? 0) / weights.reduce((sum, weight) => sum + weight, 0);
  };
  const event: PolymarketEvent = {
    id: stage.random.digits(6),
    slug: "fed-decision-in-december",
    title: "Fed decision in December?",
    description: "This market resolves to the change of the upper bound of the target federal funds rate.",
    series: { id: "35", slug: "fomc", title: "FOMC", recurrence: "monthly" },
    tags: FED,
    negRiskMarketId: `0x${stage.random.hex(62)}00`,
    createdAt: life.createdAt,
  };
  return ["25 bps decrease", "No change", "25+ bps increase"].map((name, i) =>
    castPolymarket(
      stage.random,
      life,
      {
        event,
        question: `Fed decision in December: ${name}?`,
        slug: `fed-december-${name.replaceAll(/[^a-z0-9]+/gi, "-").toLowerCase()}`,
        outcomes: ["Yes", "No"],
        groupItemTitle: name,
        ticks: i === 1 ? CENT : TENTH,
        fee: FINANCE_FEE,
      },
      {
        fair: () => chance(i),
        decide: () => (stage.rates.every((_, j) => chance(j) <= chance(i)) ? 0 : 1),
        valueText: () => name,
        weight: 2,
      },
    ),
  );
}

function bitcoinAbove(stage: Stage, life: Lifetime, count: number): Actor[] {
  const { bitcoin } = stage;
  const day = new Date(life.closeAt / 1000).toISOString().slice(0, 10);
  const event: PolymarketEvent = {
    id: stage.random.digits(6),
    slug: `bitcoin-above-on-${day}`,
    title: `Bitcoin above ___ on ${day}?`,
    description: "This market resolves to Yes if the Bitcoin price is above the strike.",
    series: {
      id: "10178",
      slug: "bitcoin-multi-strikes-weekly",
      title: "Bitcoin Multi Strikes Weekly",
      recurrence: "weekly",
    },
    tags: CRYPTO,
    negRiskMarketId: null,
    createdAt: life.createdAt,
  };
  const centre = Math.round(bitcoin.value / 1000) * 1000;
  return Array.from({ length: count }, (_, i) => {
    const strike = centre + (i - Math.floor(count / 2)) * 1000;
    return castPolymarket(
      stage.random,
      life,
      {
        event,
        question: `Will the price of Bitcoin be above $${strike} on ${day}?`,
        slug: `bitcoin-above-${strike}-on-${day}`,
        outcomes: ["Yes", "No"],
        groupItemTitle: `${strike}`,
        ticks: TENTH,
        fee: CRYPTO_FEE,
      },
      {
        fair: (at) => chanceAbove(bitcoin, strike, (life.closeAt - at) / SECOND),
        decide: () => (bitcoin.value > strike ? 0 : 1),
        valueText: () => bitcoin.value.toFixed(2),
        weight: 1,
      },
    );
  });
}

/** The Polymarket markets of a session; one more Up-or-Down window is created while it runs. */
export function listPolymarket(stage: Stage, count: number, closesAt: Micros): Actor[] {
  const createdAt = stage.startAt - 24 * HOUR;
  const life = (hours: number): Lifetime => ({
    createdAt,
    openAt: createdAt + 60 * SECOND,
    closeAt: Math.ceil(stage.startAt / HOUR) * HOUR + hours * HOUR,
  });
  const actors = [upDownWindow(stage, { createdAt, openAt: stage.startAt - 600 * SECOND, closeAt: closesAt })];
  actors.push(basketballGame(stage, life(5)), ...fedDecision(stage, life(400)));
  const wanted = Math.max(1, count - 1);
  for (let day = 1; actors.length < wanted; day++) {
    actors.push(...bitcoinAbove(stage, life(24 * day), Math.min(11, wanted - actors.length)));
  }
  return actors.slice(0, wanted);
}
