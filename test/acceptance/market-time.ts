import type { Micros } from "../../src/model/time.ts";
import type { Conserved } from "./conservation.ts";
import type { GapSeen } from "./gaps.ts";
import type { LostFrame } from "./lost-frames.ts";
import type { RecordedConnection } from "./journal.ts";
import { endsSubscription, grantOf, marketsOf, sidOf } from "./true-books.ts";
import type { TrueConnection } from "./truth.ts";

type Span = readonly [from: Micros, to: Micros];

/** Market-seconds that rows of `gaps` cover, and those in which something was really missing. */
export interface MarketTime {
  readonly coveredSeconds: number;
  readonly outageSeconds: number;
}

/**
 * What is claimed to be unknown against what was: per market the union of its gaps, from `from_ts` to `to_ts`, and the
 * union of the times between the sound frames around each lost one or around the end of a connection. `detection` is
 * the stated time, microseconds, by which a gap of that cause may be longer.
 */
export function marketTime(
  conserved: Conserved,
  lost: readonly LostFrame[],
  gaps: readonly GapSeen[],
  end: Micros,
  detection: (gap: GapSeen) => Micros,
): MarketTime {
  const byEpoch = new Map<number, ReadonlySet<string>>();
  const byVenue = new Map<string, Set<string>>();
  const outages = new Map<string, Span[]>();
  const covered = new Map<string, Span[]>();
  const put = (spans: Map<string, Span[]>, market: string, span: Span) => {
    const list = spans.get(market);
    if (list === undefined) spans.set(market, [span]);
    else list.push(span);
  };
  for (const { truth, recorded } of conserved.connections) {
    const markets = new Set(truth.frames.flatMap((frame) => marketsOf(truth.venue, frame)));
    if (recorded !== null) byEpoch.set(recorded.epoch, markets);
    byVenue.set(truth.venue, (byVenue.get(truth.venue) ?? new Set()).union(markets));
  }
  for (const { truth, recorded } of conserved.connections) {
    if (recorded === null || recorded.closed === null || recorded.closed.by === "stopped") continue;
    // Nothing is known from the last data of a connection to the first data of one after it.
    const from = recorded.frames.findLast(({ bytes }) => bytes.length > 6)?.at ?? recorded.connectedAt;
    const to = nextData(conserved, truth.venue, recorded.closedAt ?? end) ?? end;
    for (const market of byEpoch.get(recorded.epoch) ?? []) put(outages, market, [from, to]);
  }
  for (const { recorded, truth } of conserved.connections) {
    if (recorded === null || truth.venue !== "kalshi") continue;
    for (const span of endedSubscriptions(truth, recorded))
      for (const market of byEpoch.get(recorded.epoch) ?? []) put(outages, market, [span[0], span[1] ?? end]);
  }
  for (const { venue, epoch, sid, markets, before, after } of lost) {
    // A hole in a subscription's numbers may hide a frame of any of its markets.
    const hidden = venue === "kalshi" && sid !== null ? (byEpoch.get(epoch) ?? markets) : markets;
    for (const market of hidden) put(outages, market, [before, after ?? end]);
  }
  for (const gap of gaps) {
    const markets = gap.market !== null ? [gap.market] : (byEpoch.get(gap.epoch ?? 0) ?? byVenue.get(gap.venue) ?? []);
    for (const market of markets) {
      put(covered, market, [gap.from ?? 0, gap.to ?? end]);
      const stated = detection(gap);
      if (stated > 0) put(outages, market, [gap.from ?? 0, Math.min(gap.to ?? end, (gap.from ?? 0) + stated)]);
    }
  }
  return { coveredSeconds: total(covered) / 1e6, outageSeconds: total(outages) / 1e6 };
}

/** From the last frame of a subscription that the venue ended to the grant of the next one of its channel, if any. */
function endedSubscriptions(truth: TrueConnection, recorded: RecordedConnection): [Micros, Micros | null][] {
  const channels = new Map<number, string>();
  const lastAt = new Map<number, Micros>();
  const open = new Map<string, Micros>();
  const spans: [Micros, Micros | null][] = [];
  for (const [i, frame] of truth.sent.entries()) {
    const at = recorded.frames[i]?.at;
    if (at === undefined) break;
    const granted = grantOf(frame);
    if (granted !== null) {
      channels.set(granted.sid, granted.channel);
      lastAt.set(granted.sid, at);
      const since = open.get(granted.channel);
      if (since !== undefined) spans.push([since, at]);
      open.delete(granted.channel);
      continue;
    }
    const sid = sidOf(frame);
    if (sid === null) continue;
    if (endsSubscription("kalshi", frame)) open.set(channels.get(sid) ?? "", lastAt.get(sid) ?? recorded.connectedAt);
    else if (frame.original === null) lastAt.set(sid, at);
  }
  return [...spans, ...[...open.values()].map((since): [Micros, Micros | null] => [since, recorded.closedAt])];
}

function nextData({ connections }: Conserved, venue: string, after: Micros): Micros | null {
  const times = connections
    .filter(({ truth, recorded }) => truth.venue === venue && (recorded?.connectedAt ?? 0) >= after)
    .flatMap(({ recorded }) => recorded?.frames.find(({ bytes }) => bytes.length > 6)?.at ?? []);
  return times.length === 0 ? null : Math.min(...times);
}

/** Length of the union of each market's spans, summed. */
function total(spans: ReadonlyMap<string, readonly Span[]>): number {
  let sum = 0;
  for (const list of spans.values()) {
    let reached = -Infinity;
    for (const [from, to] of list.toSorted((a, b) => a[0] - b[0])) {
      sum += Math.max(0, to - Math.max(from, reached));
      reached = Math.max(reached, to);
    }
  }
  return sum;
}
