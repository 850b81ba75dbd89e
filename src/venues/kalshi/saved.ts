import type { Instruments } from "../../model/instrument.ts";
import type { MarketEvent } from "../../model/events.ts";
import type { MarketStatus } from "../../model/market-status.ts";
import type { Micros } from "../../model/time.ts";
import { restoreCommand, saveCommand, type SavedCommand } from "./commands.ts";
import { Connection, Memory, type Feed, type GroupMemory, type Hole, type Unread } from "./memory.ts";
import type { SavedEntry } from "./subscription-ledger.ts";

interface SavedFeed extends Omit<Feed, "members" | "seen"> {
  readonly members: readonly string[];
  readonly seen: readonly string[];
}

interface SavedConnection {
  readonly epoch: number;
  readonly stream: string;
  readonly useYesPrice: boolean | null;
  readonly resumed: boolean;
  readonly connectedAt: Micros | null;
  readonly frameAt: Micros | null;
  readonly dataAt: Micros | null;
  readonly hasData: boolean;
  readonly malformed: number;
  readonly unread: readonly Unread[];
  readonly feeds: readonly SavedFeed[];
  readonly commands: readonly SavedCommand[];
  readonly subscriptions: readonly SavedEntry[];
  readonly moved: readonly string[];
}

/** Ticker, listener, status, result, [epoch, sid] of the book's feed, emptied, digest of facts, last print, repetitions. */
type SavedMarket = readonly [
  string,
  string | null,
  MarketStatus | null,
  string | null,
  readonly [number, number] | null,
  boolean,
  number,
  string | null,
  number,
];

interface Saved {
  readonly forgetAt: number;
  readonly markets: readonly SavedMarket[];
  readonly streams: readonly { readonly name: string; readonly holes: readonly Hole[] }[];
  readonly connections: readonly SavedConnection[];
  readonly events: readonly (readonly [string, GroupMemory])[];
  readonly series: readonly (readonly [string, GroupMemory])[];
  readonly bulletins: readonly (readonly [string, number])[];
}

/** The whole memory as plain JSON values. */
export function saveMemory(memory: Memory): unknown {
  const homes = new Map<Feed, readonly [number, number]>();
  for (const { epoch, feeds } of memory.connections.values()) {
    for (const feed of feeds.values()) homes.set(feed, [epoch, feed.sid]);
  }
  const saved: Saved = {
    forgetAt: memory.forgetAt,
    markets: Array.from(memory.markets.values(), (market) => [
      market.instrument.market,
      market.listener,
      market.status,
      market.result,
      market.book === null ? null : (homes.get(market.book) ?? null),
      market.emptied,
      market.facts,
      market.print,
      market.prints,
    ]),
    streams: Array.from(memory.streams.values(), ({ name, holes }) => ({ name, holes })),
    connections: Array.from(memory.connections.values(), saveConnection),
    events: [...memory.events],
    series: [...memory.series],
    bulletins: [...memory.bulletins],
  };
  return saved;
}

/** The memory that `saveMemory` saved. The values come from our own state file of this version. */
export function restoreMemory(instruments: Instruments, emit: (event: MarketEvent) => void, value: unknown): Memory {
  const memory = new Memory(instruments, emit);
  if (value === undefined || value === null) return memory;
  const saved = value as Saved;
  memory.forgetAt = Infinity;
  for (const [ticker, listener, status, result, , emptied, facts, print, prints] of saved.markets) {
    Object.assign(memory.market(ticker), { listener, status, result, emptied, facts, print, prints });
  }
  memory.forgetAt = saved.forgetAt;
  for (const { name, holes } of saved.streams) memory.stream(name).holes = [...holes];
  for (const connection of saved.connections) restoreConnection(memory, connection);
  for (const [ticker, , , , home] of saved.markets) {
    if (home !== null) memory.market(ticker).book = memory.connections.get(home[0])?.feeds.get(home[1]) ?? null;
  }
  for (const [id, event] of saved.events) memory.events.set(id, event);
  for (const [id, series] of saved.series) memory.series.set(id, series);
  for (const [name, digest] of saved.bulletins) memory.bulletins.set(name, digest);
  return memory;
}

function saveConnection(connection: Connection): SavedConnection {
  const { epoch, useYesPrice, resumed, connectedAt, frameAt, dataAt, hasData, malformed, unread } = connection;
  return {
    epoch,
    useYesPrice,
    resumed,
    connectedAt,
    frameAt,
    dataAt,
    hasData,
    malformed,
    unread,
    stream: connection.stream.name,
    feeds: Array.from(connection.feeds.values(), ({ members, seen, ...feed }) => ({
      ...feed,
      members: Array.from(members, (market) => market.instrument.market),
      seen: Array.from(seen, (market) => market.instrument.market),
    })),
    commands: Array.from(connection.commands.values(), saveCommand),
    subscriptions: connection.subscriptions.save(),
    moved: [...connection.moved],
  };
}

function restoreConnection(memory: Memory, saved: SavedConnection): void {
  const { epoch, frameAt, dataAt, hasData, malformed } = saved;
  const connection = new Connection(epoch, memory.stream(saved.stream), saved, memory.emit);
  Object.assign(connection, { frameAt, dataAt, hasData, malformed, unread: [...saved.unread] });
  for (const { members, seen, ...feed } of saved.feeds) {
    connection.feeds.set(feed.sid, {
      ...feed,
      members: new Set(members.map((ticker) => memory.market(ticker))),
      seen: new Set(seen.map((ticker) => memory.market(ticker))),
    });
  }
  for (const command of saved.commands) connection.commands.set(command.id, restoreCommand(command));
  connection.subscriptions.restore(saved.subscriptions, (ticker) => memory.market(ticker));
  for (const market of saved.moved) connection.moved.add(market);
  memory.connections.set(epoch, connection);
}
