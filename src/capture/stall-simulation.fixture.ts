import { Random } from "../exchange/random.ts";
import { MarketActivity } from "./activity.ts";
import { SUSPECT_AFTER, Suspicions } from "./suspicions.ts";

interface Market {
  readonly name: string;
  readonly bytes: Buffer;
  /** Mean seconds between changes while it is busy; how much of its time it is. */
  readonly pace: number;
  readonly endsAt: number;
  busyUntil: number;
  /** What REST shows, and the seconds of the last changes, for its lag. */
  changes: number;
  readonly recent: number[];
  mutedAt: number | null;
}

/**
 * Markets on a virtual clock: busy in bursts whose lengths and pauses have heavy tails, quiet at night, ended for ever
 * at some time; some stalled by the venue while REST goes on. REST lags by up to three seconds, frames by up to one.
 */
export function simulate(options: {
  readonly seed: string;
  readonly markets: number;
  readonly hours: number;
  readonly stalls: number;
}) {
  const random = new Random(options.seed);
  const start = 1_795_000_000;
  const end = start + options.hours * 3_600;
  const activity = new MarketActivity();
  const trial = new Suspicions();
  const agenda = new Map<number, Market[]>();
  const plan = (market: Market, at: number) => {
    if (at >= Math.min(end, market.endsAt)) return;
    const list = agenda.get(at);
    if (list === undefined) agenda.set(at, [market]);
    else list.push(market);
  };
  const pareto = (least: number, alpha: number) => least * (1 - random.next()) ** (-1 / alpha);
  const markets = new Map<string, Market>();
  for (let i = 0; i < options.markets; i++) {
    const name = `KXSIM-26NOV21-T${i}`;
    const endsAt = start + Math.floor(random.next() * options.hours * 3_600 * 3);
    const pace = 0.4 + 2 * random.next() ** 2;
    const bytes = Buffer.from(`${name}"`);
    const market = { name, bytes, pace, endsAt, busyUntil: 0, changes: 0, recent: [], mutedAt: null };
    markets.set(name, market);
    plan(market, start + Math.floor(random.next() * 1_200));
  }
  activity.watch([...markets.keys()]);
  const frames = new Map<number, Market[]>();
  const result = { falseAlarms: 0, suspected: 0, tried: 0, detected: [] as number[] };
  const stallEvery = ((end - start) / options.stalls) | 0;
  const busy: Market[] = [];
  for (let now = start; now < end; now++) {
    const night = ((now - start) / 3_600) % 24 >= 8 && ((now - start) / 3_600) % 24 < 14;
    for (const market of frames.get(now) ?? []) if (market.mutedAt === null) activity.note(market.bytes, 0, now);
    frames.delete(now);
    for (const market of agenda.get(now) ?? []) {
      if (now >= market.busyUntil && market.mutedAt === null) market.busyUntil = now + pareto(20, night ? 1.4 : 1.05);
      market.changes++;
      market.recent.push(now);
      if (market.recent.length > 16) market.recent.shift();
      const arrives = now + (random.next() < 0.2 ? 1 : 0);
      const list = frames.get(arrives);
      if (arrives === now) {
        if (market.mutedAt === null) activity.note(market.bytes, 0, now);
      } else if (list === undefined) frames.set(arrives, [market]);
      else list.push(market);
      const gap = Math.max(1, Math.round(-Math.log(1 - random.next()) * market.pace));
      const pause = now + gap < market.busyUntil || market.mutedAt !== null ? gap : pareto(night ? 300 : 30, 1.1);
      plan(market, now + Math.max(1, Math.floor(pause)));
      if (market.busyUntil - now > 200 && market.busyUntil - now < 400 && busy.length < 64) busy.push(market);
    }
    agenda.delete(now);
    if ((now - start) % stallEvery === stallEvery - 1) {
      // The venue withholds a market that has been active for some minutes and goes on to be.
      const recent = ({ last }: { readonly last: number }) => last > now - 5;
      const active = new Set(
        activity
          .silent(now, 0)
          .filter(recent)
          .map(({ market }) => market),
      );
      const fits = (market: Market) =>
        active.has(market.name) && market.mutedAt === null && market.busyUntil > now + 60;
      const chosen = busy.splice(0).find(fits);
      if (chosen !== undefined && chosen.endsAt > now + 60 && end > now + 60) {
        chosen.mutedAt = now;
        result.tried++;
      }
    }
    if (now % 2 !== 0) continue;
    const silent = activity.silent(now, SUSPECT_AFTER);
    trial.update(silent, now);
    const lag = random.int(0, 3);
    const prints = trial.wanted(now).map((name) => {
      const market = markets.get(name);
      const late = market?.recent.filter((at) => at > now - lag).length ?? 0;
      return [name, String((market?.changes ?? 0) - late)] as const;
    });
    result.suspected += prints.length;
    trial.seen(new Map(prints), now);
    for (const { market: name, stalled } of trial.verdicts(now)) {
      const market = markets.get(name);
      if (!stalled || market === undefined) activity.calm(name);
      else if (market.mutedAt === null) result.falseAlarms++;
      else {
        result.detected.push(now - market.mutedAt);
        market.mutedAt = null;
      }
    }
  }
  return result;
}
