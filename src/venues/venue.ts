import type { z } from "zod";
import type { Closed, Connected, Decision, HttpExchange } from "../journal/record.ts";
import type { MarketEvent } from "../model/events.ts";
import type { Instruments } from "../model/instrument.ts";
import type { Micros } from "../model/time.ts";
import type { Charge } from "../net/rate-limit.ts";
import type { Wire } from "./wire-shape.ts";
import type { ScheduledQuiet } from "./eastern-time.ts";

/**
 * What a venue is: one folder, one value of this type, one line in `venues/index.ts`. Everything in it is pure: no
 * socket, no clock, no promise, no randomness, so the same journal gives the same events for ever.
 */
export interface Venue<
  Id extends string = string,
  Config extends z.ZodObject = z.ZodObject,
  Filters extends z.ZodObject = z.ZodObject,
> {
  readonly id: Id;
  /** Where the venue documents its API. */
  readonly docs: string;
  /** One phrase for the reference: what one needs to record it. */
  readonly needs: string;
  /** Strict zod object of this venue's part of the configuration, `venues.<id>`. Secrets carry `.meta({ secret: true })`. */
  readonly config: Config;
  /** Strict zod object of a listener's `filters` on this venue. */
  readonly filters: Filters;
  /** What a listener on this venue can subscribe to, and what it does where it does not say. */
  readonly channels: { readonly all: readonly [Channel, ...Channel[]]; readonly usual: readonly Channel[] };
  /**
   * Kinds of messages (their `type`, `event_type`, `channel` or `topic`) that rightly become no row: acknowledgements and
   * heartbeats. `verify` counts any other message without a row as lost.
   */
  readonly silent: readonly string[];
  /**
   * What is recorded where `venues.<id>` is configured and no listener is on this venue. Venues without it need a
   * listener.
   */
  ownListener?(config: never): Pick<ListenerFilters, "channels" | "filters">;
  /** Makes the interpreter of one journal's records of this venue. `saved` is what `save` gave at an earlier record. */
  interpreter(context: InterpreterContext, saved?: unknown): Interpreter;
  /** What its messages look like: where they change, the recorder says so. */
  readonly wire?: Wire;
  /** What `record` needs to subscribe and to discover. `config` is the parsed `venues.<id>`. */
  live(config: never): LiveVenue;
}

export interface InterpreterContext {
  readonly instruments: Instruments;
  /** Takes each event, in order, while a method of the interpreter runs. */
  readonly emit: (event: MarketEvent) => void;
  /** A frame was refused by a fast path that takes nearly all of its type: its shape is worth a look. */
  readonly unusual?: () => void;
}

/**
 * Reads the records of one venue in one journal, in order, over all its connections. Nothing that a venue sends may
 * throw: what cannot be read is emitted as `quarantine`. `at` is the record's receive time, null only in imported
 * captures without one.
 */
export interface Interpreter {
  connected(epoch: number, connected: Connected, at: Micros | null): void;
  /** A frame as received. `bytes` is a view into a larger buffer: do not keep it. */
  received(epoch: number, bytes: Buffer, at: Micros | null): void;
  sent(epoch: number, bytes: Buffer, at: Micros | null): void;
  closed(epoch: number, closed: Closed, at: Micros | null): void;
  http(exchange: HttpExchange, at: Micros | null): void;
  decision(decision: Decision, epoch: number, at: Micros | null): void;
  /** A timer: called when a record later than the last one is read, before it is applied. At most once per record. */
  wake(now: Micros): void;
  /** Everything it remembers, as plain JSON values. `interpreter(context, JSON.parse(JSON.stringify(save())))` goes on as if nothing happened. */
  save(): unknown;
}

/** A market that a listener wants recorded. */
export interface WantedMarket {
  readonly venue: string;
  readonly market: string;
  /** Polymarket: both token ids. Kalshi: `["yes"]`. None where it is no market but a price that markets settle on. */
  readonly outcomes: readonly string[];
  readonly listener: string;
  readonly channels: readonly Channel[];
  readonly closeAt: Micros | null;
  readonly openAt?: Micros | null;
  /** The venue was seen to trade it no more: nothing need come of it, not even a book that is asked for. */
  readonly isOver?: true;
}

/** `index`: what markets settle on, where the venue publishes it itself. */
export type Channel = "book" | "trades" | "ticker" | "lifecycle" | "index";

/** The client side of a venue's protocol, for `capture`. Pure like the interpreter; it looks only at what it must answer. */
export interface LiveVenue {
  /** Splits what is wanted into connections: name of the stream → its markets. Stable: a market stays on its stream. */
  streams(wanted: readonly WantedMarket[]): ReadonlyMap<string, readonly WantedMarket[]>;
  /** URL and handshake headers (with a fresh signature where the venue wants one). Never journaled, never logged. */
  handshake(now: Micros): { readonly url: string; readonly headers: Readonly<Record<string, string>> };
  /** Name of the wire format, for `connected` records. */
  readonly format: string;
  /** Why there can be no stream, for example because a key is missing; null where there can. Discovery works all the same. */
  readonly unavailable: string | null;
  /** Which of the venue's request limits a request counts against. */
  readonly budget: RequestBudget;
  /** What there is to ask over REST beside discovery. */
  readonly rest: VenueRest;
  /** The frame only answers a keep-alive: it is no sign that data flows. */
  isKeepAlive(frame: Buffer): boolean;
  session(stream: string, wanted: readonly WantedMarket[]): LiveSession;
  /**
   * Lists the markets of a listener over REST, and fetches facts of their events and series that were not fetched yet.
   * Throws where the filters are not the venue's.
   */
  discovery(listener: ListenerFilters, round: Round): Discovery;
  /** What `check` asks over HTTP beside the handshake, which it tries with every venue; none where it is absent. */
  readonly probes?: readonly Probe[];
  /** Whether a market of this name may pass the listener's filters, as far as its name tells. Absent: any may. */
  mayWant?(listener: ListenerFilters, market: string): boolean;
  /** What the venue has announced for this time: sessions end or data pauses, and nobody is to worry. */
  maintenance?(at: Micros): ScheduledQuiet | null;
  /** Why a handshake was refused; null where that is no matter of keys and clocks. */
  refused?(status: number, body: string): Refusal | null;
  /** Takes markets away from a stream that does not serve them: `streams` then puts them on another one. */
  move?(move: Move): void;
  /** REST as a witness of what the stream should have shown. */
  readonly witness?: Witness;
}

export interface Refusal {
  /** The signature's time, the key id, the private key, or something that the answer does not say. */
  readonly kind: "clock" | "key" | "signature" | "other";
  readonly code: string | null;
  /** What is wrong and what to do, for the user, in a sentence each, without secrets. */
  readonly message: string;
  readonly hint: string;
}

export interface Move {
  readonly stream: string;
  readonly markets: readonly string[];
  /** The stream holds no more than this; null where it has room and only failed these markets. */
  readonly capacity: number | null;
}

/** Asks REST for a print of each market: a text that differs whenever its book or its trades did. */
export interface Witness {
  readonly marketsPerRequest: number;
  request(markets: readonly WantedMarket[]): HttpRequest;
  /** Market → print, of those that the answer has. Throws `FetchError` where it cannot be used. */
  prints(markets: readonly WantedMarket[], status: number, body: string): ReadonlyMap<string, string>;
}

/** A question that shows, before the first run, whether recording will work. */
export interface Probe {
  /** What it proves, a word or two: `key`, `REST`. */
  readonly proves: string;
  readonly url: string;
  /** Headers made just before it goes out, for example a signature. Never logged. */
  headers(now: Micros): Readonly<Record<string, string>>;
}

/** One connection's life: a new connection gets a new session, so no state survives a reconnect. */
export interface LiveSession {
  /** The socket is open: what to say first. */
  open(now: Micros): Step;
  /** A frame arrived. Null, the usual answer: nothing to do. */
  receive(frame: Buffer, now: Micros): Step | null;
  /** The time asked for with `wakeAt` has come. */
  wake(now: Micros): Step | null;
  /** Other markets are wanted now. */
  want(wanted: readonly WantedMarket[], now: Micros): Step | null;
  /** `project` asks for fresh snapshots of these markets, because their books are uncertain. */
  resync(markets: readonly string[], now: Micros): Step | null;
  /** Commands and acknowledgements still in force, byte for byte, for the preamble of the next segment. */
  commands(): readonly { readonly sent: boolean; readonly bytes: string }[];
  /** Where in the frame that was received last its market's name begins; −1 where it is about none, or answers us. */
  readonly marketAt?: number;
  /** What is wanted against what the venue granted and what it sends, by channel. */
  state?(): readonly ChannelState[];
}

/** One channel of one connection: three sets of markets that ought to be the same. */
export interface ChannelState {
  readonly channel: string;
  readonly desired: number;
  /** Granted. A venue that acknowledges nothing acknowledges by its first data. */
  readonly acknowledged: number;
  /** Data came. */
  readonly observed: number;
  /** Names: desired and not acknowledged, acknowledged and never observed. */
  readonly unacknowledged: () => readonly string[];
  readonly unobserved: () => readonly string[];
}

export interface Step {
  readonly send?: readonly string[];
  /** When to call `wake`; replaces an earlier wish. */
  readonly wakeAt?: Micros;
  /** Markets of which something was announced: that they are there, opened, or settled. Each at most once a connection. */
  readonly announced?: readonly string[];
  /** Why to hang up. */
  readonly close?: string;
  /** What a user should know, in a sentence; the decision beside it has the evidence. */
  readonly warnings?: readonly string[];
  /** Verdicts to write to the journal before anything is sent. */
  readonly decisions?: readonly Decision[];
  /** Markets that this connection does not serve. The session is told what is wanted then. */
  readonly elsewhere?: Omit<Move, "stream">;
  /** Markets that no connection serves, asked for again and again: only REST is left. */
  readonly unserved?: readonly string[];
}

export interface ListenerFilters {
  readonly name: string;
  readonly channels: readonly Channel[];
  readonly maxMarkets: number;
  /** Which outcomes of a market are recorded, where they are streamed one by one; all by default. */
  readonly outcomes?: "both" | "first";
  /** The listener's `filters` as configured (see `product.md` 4). */
  readonly filters: Readonly<Record<string, unknown>>;
}

/** What a venue wants for requests: its own limits, our share of them already taken. */
export interface RequestBudget {
  /** Limits that a request counts against, the widest last. `signed`: it goes out with our key. */
  charges(request: HttpRequest, signed: boolean): readonly Charge[];
  /** Headers that sign a request with our key, made just before it goes out; null where there is no key. Never journaled. */
  readonly sign: ((request: HttpRequest, now: Micros) => Readonly<Record<string, string>>) | null;
  /** What to ask for at the start. */
  readonly questions: readonly HttpRequest[];
  /** Takes the answer to one of them. Gives what it learned, for a decision; null where the answer cannot be used. */
  learn(request: HttpRequest, status: number, body: string): Readonly<Record<string, unknown>> | null;
}

/** Requests one after the other, without I/O: ask `next`, make the request, `read` the answer, until `next` gives null. */
export interface RequestPlan {
  next(): HttpRequest | null;
  /** Reads an answer. Throws `FetchError` (see `ops/errors.ts`) where the answer cannot be used. */
  read(status: number, body: string): void;
}

/** Plans of requests beside discovery. What they bring becomes rows in the interpreter; capture looks only at what it must. */
export interface VenueRest {
  /** Looks at markets again and again; remembers from one plan to the next what need not be asked for. */
  poller(): RestPoller;
  /** Follows a listener's markets that are over until the venue has settled them. */
  settlements(listener: ListenerFilters): Settlements;
  /** Facts of the whole venue that change now and then; null where there are none. */
  bulletins(): RequestPlan | null;
}

export interface RestPoller {
  /** Quotes, books and trades of these markets, as far as their channels want them. Trades before `since` are known. */
  plan(markets: readonly WantedMarket[], since: Micros, now: Micros): PollPlan;
}

export interface PollPlan extends RequestPlan {
  /** Markets whose trades reach further back than the plan could read. */
  readonly incomplete: readonly string[];
}

/** Remembers which markets are over and not settled. */
export interface Settlements {
  /** These markets are over as far as we know. */
  follow(markets: readonly string[], now: Micros): void;
  /** The requests of one round. The first one also lists what was over before this program started. */
  plan(now: Micros): RequestPlan;
  /** Markets that are over and not settled as far as is known. */
  readonly pending: ReadonlySet<string>;
  /** Counts the markets that were settled. */
  readonly settled: number;
}

export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly purpose: string;
}

/** What one listing is for. */
export interface Round {
  readonly now: Micros;
  /** The last listing of the same listener that was read to its end: what it knew is carried on. */
  readonly since: Discovery | null;
  /** `all`: the whole list. `changes`: what changed after `since`, where the venue can say so, else the whole list. `named`: only `named`. */
  readonly scope: "all" | "changes" | "named";
  /** Markets to ask for by name as well, whatever state they are in. */
  readonly named: readonly string[];
}

/** Lists markets. */
export interface Discovery extends RequestPlan {
  /** What was found so far, at most `maxMarkets`, the busiest first; `leftOut` counts the rest. */
  readonly markets: readonly WantedMarket[];
  readonly leftOut: number;
  /** Whether the venue's listing was read to its end; else `leftOut` is a lower bound. */
  readonly exhaustive: boolean;
  /** Markets of this or an earlier listing that trade no more: `closed` while their result is not known, then `settled`. */
  readonly over?: ReadonlyMap<string, "closed" | "settled">;
  /** What was traded of each of `markets` in the last 24 hours, in the venue's own unit: a measure of how busy it is. */
  readonly recent?: ReadonlyMap<string, number>;
  /** Of `named`, what the venue does not list, or not with all that a subscription needs: a new market needs minutes. */
  readonly absent?: readonly string[];
  /** What a user should know of the filters, a sentence each: names that the venue does not have. */
  readonly problems?: readonly string[];
}
