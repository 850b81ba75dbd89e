import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

export interface Behaviour {
  /** Answers a GET: a status with a body, or an object as JSON. */
  get(url: URL): { readonly status: number; readonly body: string; readonly headers?: Record<string, string> } | object;
  connected?(socket: WebSocket, request: IncomingMessage): void;
  said?(socket: WebSocket, text: string): void;
  /** HTTP status with which the n-th handshake is refused, null to accept it. */
  refuse?(
    attempt: number,
    request: IncomingMessage,
  ): number | null | { readonly status: number; readonly body: string; readonly headers: Record<string, string> };
}

/** A venue for tests on a port of its own: HTTP and WebSocket, doing what the test says. */
export class FakeVenue {
  readonly requests: string[] = [];
  readonly commands: string[] = [];
  readonly handshakes: IncomingMessage[] = [];
  refused = 0;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #waiting = new Set<{ readonly when: () => boolean; readonly resolve: () => void }>();

  static async start(behaviour: Behaviour, port = 0): Promise<FakeVenue> {
    const venue = new FakeVenue(behaviour);
    await new Promise<void>((resolve) => venue.#server.listen(port, "127.0.0.1", resolve));
    return venue;
  }

  private constructor(behaviour: Behaviour) {
    this.#server = createServer((request, response) => {
      this.requests.push(request.url ?? "");
      const answer = behaviour.get(new URL(request.url ?? "/", "http://127.0.0.1"));
      const { status, body, headers } =
        "status" in answer
          ? (answer as { status: number; body: string; headers?: object })
          : { status: 200, body: JSON.stringify(answer), headers: {} };
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(body);
      this.#look();
    });
    this.#sockets = new WebSocketServer({
      server: this.#server,
      verifyClient: ({ req }, answer) => {
        const refusal = behaviour.refuse?.(this.refused + 1, req) ?? null;
        if (refusal === null) return answer(true);
        this.refused++;
        if (typeof refusal === "number") answer(false, refusal);
        else answer(false, refusal.status, refusal.body, refusal.headers);
        this.#look();
      },
    });
    this.#sockets.on("connection", (socket, request) => {
      this.handshakes.push(request);
      behaviour.connected?.(socket, request);
      socket.on("message", (data) => {
        const text = String(data);
        this.commands.push(text);
        behaviour.said?.(socket, text);
        this.#look();
      });
      this.#look();
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get wsUrl(): string {
    return `${this.url.replace("http", "ws")}/trade-api/ws/v2`;
  }

  get sockets(): WebSocket[] {
    return [...this.#sockets.clients];
  }

  /** Resolves when something the venue saw makes `when` true. */
  until(when: () => boolean): Promise<void> {
    if (when()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.add({ when, resolve }));
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #look(): void {
    for (const waiter of this.#waiting) {
      if (!waiter.when()) continue;
      this.#waiting.delete(waiter);
      waiter.resolve();
    }
  }
}
