import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { Micros } from "../model/time.ts";
import { ForetapeError, messageOf, StorageError } from "../ops/errors.ts";
import { KalshiConnection } from "../venues/kalshi/server.ts";
import type { Outgoing } from "../venues/server.ts";
import { PolymarketConnection, TokenIndex } from "../venues/polymarket/server.ts";
import { TokenBooks } from "../venues/polymarket/server-books.ts";
import { PolymarketFrames } from "../venues/polymarket/server-frames.ts";
import type { SpotConnection } from "../venues/server.ts";
import { Client } from "./client.ts";
import { type Fault, fits, scopeOf } from "./fault.ts";
import { Gate } from "./gate.ts";
import { refusal, WRONG_SIGNATURE } from "./kalshi-gate.ts";
import { DEFAULT_OPTIONS, type ExchangeOptions } from "./options.ts";
import { CapturePlay } from "./player.ts";
import { Random } from "./random.ts";
import { SPOT_SOURCES, SpotFloor, type SpotSource } from "./spot.ts";
import { PATHS, RestServer } from "./rest.ts";
import { Truth } from "./truth.ts";
import { World } from "./world.ts";

export const KALSHI_SOCKET = "/trade-api/ws/v2";
export const POLYMARKET_SOCKET = "/ws/market";

/** A turn that is late plays in slices of virtual time and stops after this long, so that it does not block the process. */
const TURN_LIMIT_MS = 20;
const SLICE: Micros = 20_000;

/** The running exchange: what a client needs to know to use it. */
export interface Exchange extends AsyncDisposable {
  readonly port: number;
  /** Values of `venues.kalshi` and `venues.polymarket` in a client's configuration. */
  readonly kalshi: {
    readonly rest_url: string;
    readonly ws_url: string;
    readonly key_id: string;
    readonly private_key: string;
  };
  readonly polymarket: {
    readonly gamma_url: string;
    readonly clob_url: string;
    readonly data_url: string;
    readonly ws_url: string;
  };
  /** Value of `venues.coinbase`, of either feed. */
  coinbase(feed: "advanced" | "exchange"): { readonly feed: "advanced" | "exchange"; readonly ws_url: string };
  /** Value of `venues.polymarket_rtds`. */
  readonly polymarket_rtds: { readonly ws_url: string };
  /** The exchange's own time, microseconds. */
  readonly now: Micros;
  /** Market ids that exist now, Kalshi tickers and Polymarket token ids. */
  readonly tickers: readonly string[];
  readonly tokens: readonly string[];
  /** Lets something go wrong; `after` counts from now. */
  inject(fault: Fault): void;
  /** Rejects with a `StorageError` when the truth file cannot be written any more; the exchange has stopped then. */
  readonly failed: Promise<never>;
  /** Closes all connections with a close frame and stops. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts the built-in exchange on 127.0.0.1: both venues on one port, by path. It stops when the signal is aborted.
 * Throws `ForetapeError` where the port is taken and `StorageError` where the truth file cannot be written.
 */
export async function startExchange(options: Partial<ExchangeOptions>, signal?: AbortSignal): Promise<Exchange> {
  const host = new Host({ ...DEFAULT_OPTIONS, ...options });
  await host.listen();
  if (signal?.aborted) await host[Symbol.asyncDispose]();
  signal?.addEventListener("abort", () => void host[Symbol.asyncDispose](), { once: true });
  return host;
}

class Host implements Exchange {
  readonly #options: ExchangeOptions;
  readonly #play: World | CapturePlay;
  readonly #truth: Truth | null;
  readonly #clients = new Set<Client>();
  readonly #sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 1 << 20 });
  readonly #server: Server;
  readonly #rest: RestServer;
  readonly #keys: ReadonlyMap<string, KeyObject>;
  readonly #tokens: TokenIndex;
  readonly #books = new TokenBooks();
  readonly #frames = new PolymarketFrames(this.#books);
  readonly #faultRandom: Random;
  readonly #spot: SpotFloor;
  readonly #spotConnections = new Map<SpotConnection, Client>();
  readonly #key: { readonly id: string; readonly pem: string };
  readonly #gate: Gate;
  readonly #stopping = new AbortController();
  /** By venue: frames that its next connection gets once more. */
  readonly #replays = new Map<string, readonly Outgoing[]>();
  #faults: (Fault & { readonly due: Micros })[] = [];
  #conns = 0;
  #timer: NodeJS.Timeout | null = null;
  #pinger: NodeJS.Timeout | null = null;
  #startAt: Micros;
  #startedMs = 0;
  #stopped: Promise<void> | null = null;
  readonly #failure = Promise.withResolvers<never>();
  readonly failed = this.#failure.promise;
  port = 0;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    // Who does not ask about a failure is not to be ended by it.
    this.failed.catch(() => {});
    this.#startAt = options.startAt ?? Date.now() * 1000;
    this.#play = options.capture === null ? this.#generate() : new CapturePlay(options.capture, this.#startAt);
    this.#spot = new SpotFloor({
      seed: options.seed,
      startAt: this.#startAt,
      bitcoin: () => (this.#play instanceof World ? this.#play.bitcoin : undefined),
      traded: (market, print) => {
        for (const [connection, client] of this.#spotConnections) if (!client.ended) connection.traded(market, print);
      },
      published: (print) => {
        for (const [connection, client] of this.#kalshi) if (!client.ended) connection.indexed(print);
      },
    });
    this.#faultRandom = new Random(`${options.seed}/faults`);
    this.#faults = options.faults.map((fault) => ({ ...fault, due: this.#startAt + fault.after }));
    this.#tokens = new TokenIndex(this.#play.polymarket);
    const pair =
      options.keyType === "rsa" ? generateKeyPairSync("rsa", { modulusLength: 2048 }) : generateKeyPairSync("ed25519");
    this.#key = {
      id: new Random(`${options.seed}/key`).uuid(),
      pem: pair.privateKey.export({ type: "pkcs8", format: "pem" }),
    };
    this.#keys = new Map([[this.#key.id, pair.publicKey]]);
    const shared = { tokens: this.#tokens, books: this.#books };
    this.#truth = options.truth === null ? null : new Truth(options.truth);
    this.#gate = new Gate(this.#truth);
    const trouble = { gate: this.#gate, random: this.#faultRandom, stopping: this.#stopping.signal };
    this.#rest = new RestServer(this.#play, this.#keys, shared, options.kalshiRequestsPerSecond, trouble);
    this.#server = createServer((request, response) => {
      this.#rest.handle(request, response).catch(() => response.destroy());
    });
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  #generate(): World {
    const { seed, markets, rate, script } = this.#options;
    const polymarketMarkets = typeof markets === "number" ? Math.round(markets / 3) : markets.polymarket;
    const kalshiMarkets = typeof markets === "number" ? markets - polymarketMarkets : markets.kalshi;
    return new World(
      { seed, startAt: this.#startAt, kalshiMarkets, polymarketMarkets, rate, script },
      {
        kalshi: (happening) => {
          for (const [connection, client] of this.#kalshi) if (!client.ended) connection.happened(happening);
        },
        polymarket: (happening) => {
          for (const [connection, client] of this.#polymarket) if (!client.ended) connection.happened(happening);
        },
      },
    );
  }

  readonly #kalshi = new Map<KalshiConnection, Client>();
  readonly #polymarket = new Map<PolymarketConnection, Client>();

  get now(): Micros {
    return this.#play.now;
  }

  get tickers(): readonly string[] {
    return [...this.#play.kalshi.markets.keys()];
  }

  get tokens(): readonly string[] {
    return [...this.#play.polymarket.markets.values()].flatMap(({ tokens }) => tokens);
  }

  get kalshi() {
    const { id, pem } = this.#key;
    return {
      rest_url: `http://127.0.0.1:${this.port}${PATHS.kalshi}`,
      ws_url: `ws://127.0.0.1:${this.port}${KALSHI_SOCKET}`,
      key_id: id,
      private_key: pem,
    };
  }

  get polymarket() {
    const base = `http://127.0.0.1:${this.port}`;
    return {
      gamma_url: base + PATHS.gamma,
      clob_url: base + PATHS.clob,
      data_url: base + PATHS.data,
      ws_url: `ws://127.0.0.1:${this.port}${POLYMARKET_SOCKET}`,
    };
  }

  coinbase(feed: "advanced" | "exchange") {
    return { feed, ws_url: `ws://127.0.0.1:${this.port}/coinbase/${feed}` };
  }

  get polymarket_rtds() {
    return { ws_url: `ws://127.0.0.1:${this.port}/polymarket/rtds` };
  }

  inject(fault: Fault): void {
    this.#faults.push({ ...fault, due: this.#play.now + fault.after });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (cause: NodeJS.ErrnoException) => {
        this.#truth?.close();
        const what = cause.code === "EADDRINUSE" ? "is taken" : "cannot be used";
        reject(
          new ForetapeError("listen", `port ${this.#options.port} ${what}`, { cause, hint: "choose another --port" }),
        );
      });
      this.#server.listen(this.#options.port, "127.0.0.1", resolve);
    });
    this.port = (this.#server.address() as AddressInfo).port;
    this.#startedMs = performance.now();
    this.#pinger = setInterval(() => {
      for (const client of this.#clients) if (client.venue === "kalshi") client.ping();
    }, this.#options.pingMs);
    this.#turn();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#pinger !== null) clearInterval(this.#pinger);
    this.#stopping.abort(new Error("stopped"));
    for (const client of this.#clients) client.close("stopped", 1001);
    this.#gate.advance(this.#play.now, true);
    try {
      this.#truth?.close();
    } catch (cause) {
      this.#fail(cause);
    }
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
      // Sockets that were upgraded are not the server's any more; those that do not answer the close are cut.
      setTimeout(() => {
        for (const socket of this.#sockets.clients) socket.terminate();
      }, 500).unref();
      this.#sockets.close();
    });
  }

  /** Plays the world up to now, hands out what came of it, and comes again. */
  #turn(): void {
    const played = Math.floor((performance.now() - this.#startedMs) * 1000 * this.#options.speed);
    const due = this.#startAt + played;
    for (const client of this.#clients) client.begin(this.#play.now);
    this.#gate.advance(this.#play.now);
    this.#break();
    const deadline = performance.now() + TURN_LIMIT_MS;
    do {
      this.#play.advance(Math.min(due, this.#play.now + SLICE));
      this.#spot.advance(this.#play.now);
    } while (this.#play.now < due && performance.now() < deadline);
    for (const client of this.#clients) client.finish(this.#play.now);
    try {
      this.#truth?.flush();
    } catch (cause) {
      this.#fail(cause);
      void this[Symbol.asyncDispose]();
      return;
    }
    // A turn that could not catch up comes again at once, but lets sockets be read and written in between.
    this.#timer = setTimeout(() => this.#turn(), this.#play.now < due ? 0 : this.#options.turnMs);
  }

  #fail(cause: unknown): void {
    this.#failure.reject(new StorageError(`the ground truth cannot be written: ${messageOf(cause)}`, { cause }));
  }

  /** Starts the faults that are due. One without a fitting connection waits for one. */
  #break(): void {
    const now = this.#play.now;
    if (!this.#faults.some(({ due }) => due <= now)) return;
    this.#faults = this.#faults.filter((fault) => {
      if (fault.due > now) return true;
      if (scopeOf(fault.kind) !== "connection") {
        this.#befall(fault, now);
        return false;
      }
      const fitting = [...this.#clients].filter(
        (client) =>
          client.takes(fault) &&
          fits(fault.kind, client.venue) &&
          (fault.venue === null || fault.venue === client.venue) &&
          (fault.conn === null || fault.conn === client.conn),
      );
      const client = fitting[this.#faultRandom.int(0, Math.max(0, fitting.length - 1))];
      if (fault.kind === "replay" && client !== undefined) this.#replays.set(client.venue, client.recent(fault.count));
      client?.trouble(fault, now);
      return client === undefined;
    });
  }

  /** A whole venue is troubled; in maintenance it drops its sessions first. */
  #befall(fault: Fault, now: Micros): void {
    this.#gate.begin(fault, now);
    if (fault.kind !== "maintenance") return;
    for (const client of this.#clients)
      if (fault.venue === null || fault.venue === client.venue) client.close(fault.kind, 1001);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const path = new URL(request.url ?? "/", "http://exchange").pathname;
    const source = SPOT_SOURCES[path];
    const venue = source?.venue ?? (path === KALSHI_SOCKET ? "kalshi" : "polymarket");
    const welcome = this.#gate.welcome(venue);
    if (welcome.silent === true) {
      socket.destroy();
      return;
    }
    if (welcome.status !== undefined) return refuse(socket, welcome.status, welcome.body ?? "", "text/html");
    if (path === KALSHI_SOCKET) {
      const now = Date.now() + (welcome.skewMs ?? 0);
      const refused = welcome.wrongKey ? WRONG_SIGNATURE : refusal(this.#keys, request.headers, "GET", path, now);
      if (refused !== null) return refuse(socket, "401 Unauthorized", JSON.stringify(refused));
    } else if (path !== POLYMARKET_SOCKET && source === undefined) return refuse(socket, "404 Not Found", "");
    this.#sockets.handleUpgrade(request, socket, head, (ws) => {
      const conn = ++this.#conns;
      const client = new Client({
        conn,
        venue,
        ws,
        socket,
        truth: this.#truth,
        bufferLimit: this.#options.bufferLimit,
        now: this.#play.now,
      });
      const forget = source === undefined ? this.#serve(client) : this.#serveSpot(client, source);
      this.#clients.add(client);
      client.replay(this.#replays.get(venue) ?? []);
      this.#replays.delete(venue);
      ws.on("message", (data) => client.receive((data as Buffer).toString()));
      // What is wrong with a frame ends the connection, which `close` tells.
      ws.on("error", () => ws.terminate());
      ws.on("close", (code) => {
        client.close(`closed with code ${code}`);
        this.#clients.delete(client);
        forget();
      });
    });
  }

  #serveSpot(client: Client, source: SpotSource): () => void {
    const hangUp = (code: number, reason: string) => client.close(reason, code);
    const connection = source.connect({ markets: this.#spot.markets, send: client.send, hangUp }, this.#play.now);
    this.#spotConnections.set(connection, client);
    client.attach(connection);
    return () => this.#spotConnections.delete(connection);
  }

  /** Puts a venue's protocol behind a client; the result takes it away again. */
  #serve(client: Client): () => void {
    if (this.#play instanceof CapturePlay) {
      const player = this.#play.protocol(client);
      if (player !== null) client.attach(player);
      return () => {};
    }
    if (client.venue === "polymarket") {
      const connection = new PolymarketConnection(
        this.#tokens,
        this.#frames,
        client.send,
        this.#options.polymarketTokenLimit,
      );
      this.#polymarket.set(connection, client);
      client.attach(connection);
      return () => this.#polymarket.delete(connection);
    }
    const random = new Random(`${this.#options.seed}/connection/${client.conn}`);
    const { format, kalshiMarketLimit: marketLimit } = this.#options;
    const options = { format, marketLimit, random: () => random.next() };
    const connection = new KalshiConnection(this.#play.kalshi, options, client.send);
    this.#kalshi.set(connection, client);
    client.attach(connection);
    return () => this.#kalshi.delete(connection);
  }
}

function refuse(socket: Duplex, status: string, body: string, type = "application/json"): void {
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
