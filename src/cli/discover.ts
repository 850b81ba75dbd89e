import Table from "cli-table3";
import { z } from "zod";
import { Fetcher } from "../capture/fetcher.ts";
import { OwnRates } from "../net/rate-store.ts";
import type { Listener } from "../capture/listener.ts";
import { readListing } from "../capture/listing.ts";
import { nearest } from "../config/nearest.ts";
import { formatTime } from "../model/time.ts";
import { Backoff } from "../net/backoff.ts";
import { messageOf, UsageError } from "../ops/errors.ts";
import { venues } from "../venues/index.ts";
import type { Discovery } from "../venues/venue.ts";
import { type CommandContext, defineCommand } from "./command.ts";
import { describeCost, estimateCost } from "./estimate.ts";
import { ListenerSource, toListener } from "./listener-source.ts";
import { withPrivateKey } from "./private-key.ts";
import { program } from "./version.ts";

/** The markets of one listener as they are listed now. */
interface Found {
  readonly listener: Listener;
  readonly discovery: Discovery | null;
  readonly requests: number;
  /** Why there is no listing. */
  readonly failure: string | null;
}

/** `foretape discover`: what the listeners would record now. */
export const discoverCommand = defineCommand({
  name: "discover",
  summary: "lists the markets that the filters match now, or what recording them will cost",
  description:
    "Asks the venues, records nothing. --estimate says how many frames a second and gigabytes a day the listeners will cost: from what was traded in the last day, as a range.",
  arguments: [{ name: "listener", description: "only these listeners", optional: true, variadic: true }],
  options: {
    estimate: { description: "markets, frames a second and gigabytes a day instead of the markets" },
    limit: {
      value: "<markets>",
      description: "show at most this many markets of each listener, the busiest first",
      schema: z.coerce.number().int().min(1).default(50),
    },
  },
  examples: ["foretape discover", "foretape discover weather --json", "foretape discover --estimate"],
  async run(context, { estimate, limit }, names) {
    const { json, out, outJson } = context;
    const found = await discoverAll(context, chosenListeners(context, names));
    if (estimate) {
      const cost = estimateCost(
        found.flatMap(({ listener, discovery }) => (discovery === null ? [] : { listener, discovery })),
      );
      if (json) outJson({ ...cost, failed: failures(found) });
      else for (const line of describeCost(cost)) out(line);
    } else if (json) {
      outJson({ listeners: found.map(plain) });
    } else for (const each of found) show(each, limit, out);
    if (!json) for (const { listener, reason } of failures(found)) out(`listener ${listener}: ${reason}`);
    return found.some(({ failure }) => failure !== null) ? 1 : 0;
  },
});

function chosenListeners(context: CommandContext, names: readonly string[]): Listener[] {
  const loaded = { config: context.config, sources: context.sources, file: context.configFile, notices: [] };
  const { tape, reload, log } = context;
  using source = new ListenerSource({ loaded, reload, tape, onProblem: (problem) => log.warn(problem) });
  const all = source.all.map(({ listener }) => listener);
  for (const name of names) {
    if (all.some((listener) => listener.name === name)) continue;
    const near = nearest(
      name,
      all.map((listener) => listener.name),
    );
    throw new UsageError(`there is no listener ${name}`, {
      hint: near === null ? `there is ${all.map((listener) => listener.name).join(", ")}` : `did you mean ${near}?`,
    });
  }
  const wanted = (listener: (typeof all)[number]) =>
    names.length === 0 ? !listener.paused : names.includes(listener.name);
  return all.filter(wanted).map(toListener);
}

/** Lists every listener's markets, venues side by side, within each venue's budget. */
async function discoverAll(context: CommandContext, listeners: readonly Listener[]): Promise<readonly Found[]> {
  const { config, signal, progress } = context;
  const bar = progress("asking the venues", null);
  let requests = 0;
  const onVenue = async (id: string): Promise<readonly Found[]> => {
    const venue = venues.find((each) => each.id === id);
    const wanted = listeners.filter((listener) => listener.venue === id);
    if (venue === undefined || wanted.length === 0) return [];
    const settings = { ...config.venues, kalshi: withPrivateKey(config.venues.kalshi) } as Readonly<
      Record<string, unknown>
    >;
    const live = venue.live(venue.config.parse(settings[id] ?? {}) as never);
    // Nothing is recorded: what is fetched here is only looked at.
    const journal = { segment: 0, append: () => 0 };
    const userAgent = `${program.name}/${program.version}`;
    const { budget } = live;
    const fetcher = new Fetcher({
      venue: id,
      journal,
      budget,
      rates: new OwnRates(),
      config: config.record,
      userAgent,
    });
    const found: Found[] = [];
    for (const listener of wanted) {
      const discovery = live.discovery(listener, { now: Date.now() * 1000, since: null, scope: "all", named: [] });
      const backoff = new Backoff({ minMs: 500, maxMs: 10_000 });
      try {
        const count = await readListing(
          discovery,
          (request) => {
            bar.update(++requests, `${listener.name}: ${requests} requests`);
            return fetcher.fetch(request, signal);
          },
          backoff,
          signal,
        );
        found.push({ listener, discovery, requests: count, failure: null });
      } catch (error) {
        signal.throwIfAborted();
        found.push({ listener, discovery: null, requests: 0, failure: messageOf(error) });
      }
    }
    return found;
  };
  try {
    return (await Promise.all(venues.map(({ id }) => onVenue(id)))).flat();
  } finally {
    bar.stop();
  }
}

function failures(found: readonly Found[]): { readonly listener: string; readonly reason: string }[] {
  return found.flatMap(({ listener, failure }) =>
    failure === null ? [] : [{ listener: listener.name, reason: failure }],
  );
}

function plain({ listener, discovery, requests, failure }: Found) {
  const { name, venue } = listener;
  if (discovery === null) return { name, venue, failure };
  const { markets, leftOut, exhaustive, recent, problems = [] } = discovery;
  return {
    name,
    venue,
    found: markets.length,
    leftOut,
    exhaustive,
    requests,
    problems,
    markets: markets.map(({ market, outcomes, openAt, closeAt }) => ({
      market,
      outcomes,
      open_at: timeOrNull(openAt),
      close_at: timeOrNull(closeAt),
      volume_24h: recent?.get(market) ?? null,
    })),
  };
}

function show({ listener, discovery }: Found, limit: number, out: (line: string) => void): void {
  if (discovery === null) return;
  const { markets, leftOut, exhaustive, recent, problems = [] } = discovery;
  const more =
    leftOut > 0 || !exhaustive ? `, ${exhaustive ? "" : "at least "}${leftOut} more left out by max_markets` : "";
  out(`listener ${listener.name} (${listener.venue}): ${markets.length} markets${more}`);
  for (const problem of problems) out(`  ${problem}`);
  if (markets.length === 0) return;
  const table = new Table({ head: ["market", "opens", "closes", "traded in 24 h"], style: { head: [], border: [] } });
  const minute = (at: number | null | undefined) => timeOrNull(at)?.slice(0, 16).replace("T", " ") ?? "";
  for (const { market, openAt, closeAt } of markets.slice(0, limit))
    table.push([market, minute(openAt), minute(closeAt), String(recent?.get(market) ?? "")]);
  out(table.toString());
  if (markets.length > limit) out(`… and ${markets.length - limit} more (--limit)`);
}

function timeOrNull(at: number | null | undefined): string | null {
  return at === null || at === undefined ? null : formatTime(at);
}
