import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { Micros } from "../model/time.ts";
import type { Outgoing } from "../venues/server.ts";
import type { Fault } from "./fault.ts";
import type { Truth } from "./truth.ts";

/** What the protocol behind a client can do, whichever the venue. */
export interface Protocol {
  receive(text: string, now: Micros): void;
  settle(now: Micros): void;
  fail(code: number, now: Micros): void;
}

const BEHIND_BYTES = 1 << 20;

interface ActiveFault {
  readonly fault: Fault;
  readonly from: Micros;
  count: number;
}

/** One connected client: its socket, the frames on their way to it and the fault that troubles it. */
export class Client {
  readonly conn: number;
  readonly venue: string;
  ended = false;
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  readonly #truth: Truth | null;
  readonly #bufferLimit: number;
  #protocol: Protocol | null = null;
  #sent = 0;
  #active: ActiveFault | null = null;
  /** Frames that wait because the consumer is slow. */
  #waiting: Outgoing[] = [];
  #waitingBytes = 0;
  #now: Micros;

  constructor(options: {
    readonly conn: number;
    readonly venue: string;
    readonly ws: WebSocket;
    readonly socket: Duplex;
    readonly truth: Truth | null;
    readonly bufferLimit: number;
    readonly now: Micros;
  }) {
    this.conn = options.conn;
    this.venue = options.venue;
    this.#ws = options.ws;
    this.#socket = options.socket;
    this.#truth = options.truth;
    this.#bufferLimit = options.bufferLimit;
    this.#now = options.now;
    this.#truth?.add({ opened: true, conn: this.conn, venue: this.venue, at: this.#now });
  }

  /** The protocol's server side; it sends through `this.send`. */
  attach(protocol: Protocol): void {
    this.#protocol = protocol;
  }

  receive(text: string): void {
    this.#protocol?.receive(text, this.#now);
  }

  /** Frames of one turn leave in one write. A client that did not take those of earlier turns is cut off. */
  begin(now: Micros): void {
    this.#now = now;
    if (!this.ended && this.#ws.bufferedAmount > this.#bufferLimit) this.#overflow(null);
    this.#socket.cork();
  }

  finish(now: Micros): void {
    this.#now = now;
    if (!this.ended) this.#protocol?.settle(now);
    const active = this.#active;
    if (active !== null && now >= active.from + active.fault.lasts) {
      if (active.fault.kind === "stall") this.#over(active);
      if (active.fault.kind === "slow_consumer") this.#overflow(active);
    }
    this.#socket.uncork();
  }

  ping(): void {
    if (!this.ended) this.#ws.ping("heartbeat");
  }

  /** Much is still waiting to be read by the other side. */
  get isBehind(): boolean {
    return this.#ws.bufferedAmount > BEHIND_BYTES;
  }

  get troubled(): boolean {
    return this.#active !== null;
  }

  /** Lets a fault begin. */
  trouble(fault: Fault, now: Micros): void {
    this.#now = now;
    const active = { fault, from: now, count: 0 };
    switch (fault.kind) {
      case "disconnect":
        this.#over(active);
        this.#end("disconnect");
        this.#socket.destroy();
        return;
      case "error":
        this.#over({ ...active, count: 1 });
        this.#protocol?.fail(fault.code, now);
        return;
      default:
        this.#active = active;
    }
  }

  /** Hands a frame to the socket, or to the fault that is at work. */
  readonly send = (frame: Outgoing): void => {
    // A socket that is closing takes nothing more, and says nothing of it.
    if (this.ended || this.#ws.readyState !== this.#ws.OPEN) return;
    const active = this.#active;
    if (active === null) return this.#write(frame);
    const { kind } = active.fault;
    if (kind === "stall") {
      if (frame.text === "PONG") return this.#write(frame);
      return this.#suppress(frame, active);
    }
    if (kind === "slow_consumer") {
      this.#waiting.push(frame);
      this.#waitingBytes += frame.text.length;
      if (this.#waitingBytes > this.#bufferLimit) this.#overflow(active);
      return;
    }
    if (frame.kind !== "data" || (kind === "sequence_gap" && !frame.sequenced)) return this.#write(frame);
    if (kind === "sequence_gap" || kind === "drop") this.#suppress(frame, active);
    else if (kind === "duplicate") {
      active.count++;
      this.#write(frame);
      this.#write(frame, kind);
    } else {
      active.count++;
      this.#damage(frame, kind === "invalid_utf8" ? "invalid_utf8" : "malformed");
    }
    if (active.count >= active.fault.count) this.#over(active);
  };

  /** The socket is gone, or goes now with a close frame. */
  close(reason: string, code?: number): void {
    if (this.ended) return;
    this.#end(reason);
    if (code !== undefined) this.#ws.close(code);
  }

  #write(frame: Outgoing, fault?: string): void {
    const { text, after } = frame;
    this.#ws.send(text);
    const n = ++this.#sent;
    if (this.#truth === null) return;
    const { conn, venue } = this;
    this.#truth.add({
      conn,
      venue,
      n,
      at: this.#now,
      text,
      ...(fault !== undefined && { fault }),
      ...(after !== undefined && { after }),
    });
  }

  #suppress(frame: Outgoing, active: ActiveFault): void {
    active.count++;
    const { conn, venue } = this;
    this.#truth?.add({ suppressed: active.fault.kind, conn, venue, at: this.#now, text: frame.text });
  }

  #damage(frame: Outgoing, kind: "malformed" | "invalid_utf8"): void {
    const { conn, venue } = this;
    const n = ++this.#sent;
    const line = { conn, venue, n, at: this.#now, fault: kind, original: frame.text };
    if (kind === "malformed") {
      const text = frame.text.slice(0, Math.ceil(frame.text.length * 0.6));
      this.#ws.send(text);
      this.#truth?.add({ ...line, text });
      return;
    }
    const bytes = Buffer.from(frame.text);
    // 0xFF is in no UTF-8 text; it lands inside the first quoted word.
    bytes[Math.min(3, bytes.length - 1)] = 0xff;
    this.#ws.send(bytes, { binary: false });
    this.#truth?.add({ ...line, base64: bytes.toString("base64") });
  }

  #over(active: ActiveFault): void {
    const { conn, venue } = this;
    this.#truth?.add({ fault: active.fault.kind, conn, venue, from: active.from, to: this.#now, count: active.count });
    this.#active = null;
  }

  /** The client did not drain: Kalshi says so (error 25) and both venues hang up. */
  #overflow(active: ActiveFault | null): void {
    if (active !== null) {
      for (const frame of this.#waiting) this.#suppress(frame, active);
      this.#waiting = [];
      this.#over(active);
    }
    this.#protocol?.fail(25, this.#now);
    this.close("slow consumer", 1008);
  }

  #end(reason: string): void {
    this.ended = true;
    const { conn, venue } = this;
    this.#truth?.add({ closed: reason, conn, venue, at: this.#now, unsent: this.#ws.bufferedAmount });
  }
}
