import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { Micros } from "../model/time.ts";
import type { Outgoing } from "../venues/server.ts";
import type { Fault } from "./fault.ts";
import { addField, breakUtf8, cut, renameField, retypeField, unknownMessage } from "./tamper.ts";
import type { Truth } from "./truth.ts";

/** What the protocol behind a client can do, whichever the venue. */
export interface Protocol {
  receive(text: string, now: Micros): void;
  settle(now: Micros): void;
  fail(code: number, now: Micros): void;
  mute?(isMuted: ((market: string) => boolean) | null): void;
  refuse?(code: number, count: number): void;
}

const BEHIND_BYTES = 1 << 20;
/** Frames kept for a repetition after a reconnect. */
const RECENT = 512;
/** A little more than any client of ours takes (64 MiB). */
const OVERSIZE_BYTES = 65 << 20;

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
  /** Goes on beside other faults. */
  #muting: ActiveFault | null = null;
  #tardy: ActiveFault | null = null;
  /** Commands that are read late. */
  #late: { readonly text: string; readonly due: Micros }[] = [];
  /** A frame that the next one overtakes. */
  #held: Outgoing | null = null;
  readonly #recent: Outgoing[] = [];
  #burdened = false;
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
    if (this.#active?.fault.kind === "half_open") return;
    const tardy = this.#tardy;
    if (tardy === null || text === "PING") return this.#protocol?.receive(text, this.#now);
    tardy.count++;
    this.#late.push({ text, due: this.#now + tardy.fault.delay });
  }

  /** The last frames of this connection, oldest first. */
  recent(count: number): readonly Outgoing[] {
    return this.#recent.slice(-count);
  }

  /** Frames of an earlier connection come once more. */
  replay(frames: readonly Outgoing[]): void {
    for (const frame of frames) this.#write(frame, "replay");
  }

  /** Frames of one turn leave in one write. A client that did not take those of earlier turns is cut off. */
  begin(now: Micros): void {
    this.#now = now;
    const { bufferedAmount } = this.#ws;
    if (bufferedAmount === 0) this.#burdened = false;
    if (!this.ended && !this.#burdened && bufferedAmount > this.#bufferLimit) this.#overflow(null);
    this.#socket.cork();
  }

  finish(now: Micros): void {
    this.#now = now;
    while (this.#late[0] !== undefined && this.#late[0].due <= now) {
      this.#protocol?.receive(this.#late.shift()?.text ?? "", now);
    }
    if (!this.ended) this.#protocol?.settle(now);
    if (this.#muting !== null && isOver(this.#muting, now)) this.#unmute(this.#muting);
    if (this.#tardy !== null && isOver(this.#tardy, now)) {
      this.#report(this.#tardy);
      this.#tardy = null;
    }
    const active = this.#active;
    if (active !== null && isOver(active, now)) {
      if (active.fault.kind === "stall") this.#over(active);
      if (active.fault.kind === "half_open") {
        this.#end("half open");
        this.#socket.destroy();
      }
      if (active.fault.kind === "slow_consumer") this.#overflow(active);
    }
    this.#socket.uncork();
  }

  ping(): void {
    if (!this.ended && this.#active?.fault.kind !== "half_open") this.#ws.ping("heartbeat");
  }

  /** Much is still waiting to be read by the other side. */
  get isBehind(): boolean {
    return this.#ws.bufferedAmount > BEHIND_BYTES;
  }

  /** Whether another fault may begin here. */
  takes({ kind }: Fault): boolean {
    if (this.ended) return false;
    if (kind === "muted") return this.#muting === null;
    return kind === "slow_commands" ? this.#tardy === null : this.#active === null;
  }

  /** Lets a fault begin. */
  trouble(fault: Fault, now: Micros): void {
    this.#now = now;
    const active = { fault, from: now, count: 0 };
    switch (fault.kind) {
      case "muted":
        this.#muting = active;
        this.#protocol?.mute?.((market) => shareOf(market) < fault.count);
        return;
      case "slow_commands":
        this.#tardy = active;
        return;
      case "command_error":
        this.#over({ ...active, count: fault.count });
        this.#protocol?.refuse?.(fault.code, fault.count);
        return;
      case "half_open":
        this.#active = active;
        this.#socket.pause();
        return;
      case "replay":
        this.#over({ ...active, count: this.recent(fault.count).length });
        this.#end("disconnect");
        this.#socket.destroy();
        return;
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
    if (frame.muted === true) return this.#suppress(frame, "muted", this.#muting);
    const active = this.#active;
    if (active === null) return this.#write(frame);
    const { kind } = active.fault;
    if (kind === "half_open") return this.#suppress(frame, kind, active);
    if (kind === "stall") {
      if (frame.text === "PONG") return this.#write(frame);
      return this.#suppress(frame, kind, active);
    }
    if (kind === "slow_consumer") {
      this.#waiting.push(frame);
      this.#waitingBytes += frame.text.length;
      if (this.#waitingBytes > this.#bufferLimit) this.#overflow(active);
      return;
    }
    if (frame.kind !== "data" || (kind === "sequence_gap" && !frame.sequenced)) return this.#write(frame);
    this.#distort(frame, active);
    if (active.count >= active.fault.count && this.#held === null) this.#over(active);
  };

  /** A frame of data under a fault that concerns a certain number of them; it counts where it could do its work. */
  #distort(frame: Outgoing, active: ActiveFault): void {
    const { kind } = active.fault;
    switch (kind) {
      case "sequence_gap":
      case "drop":
        return this.#suppress(frame, kind, active);
      case "oversize":
        this.#burdened = true;
        this.#ws.send(`{"padding":"${"x".repeat(OVERSIZE_BYTES)}"}`);
        return this.#suppress(frame, kind, active);
      case "duplicate":
        active.count++;
        this.#write(frame);
        return this.#write(frame, kind);
      case "reorder": {
        const held = this.#held;
        this.#held = held === null ? frame : null;
        if (held === null) return;
        active.count++;
        this.#write(frame, kind);
        return this.#write(held, kind);
      }
      case "unknown_type":
        active.count++;
        this.#write({ text: unknownMessage(this.venue, active.count), kind: "data", sequenced: false }, kind);
        return this.#write(frame);
      case "unknown_field":
        return this.#altered(frame, addField(frame.text), active, false);
      case "renamed_field":
        return this.#altered(frame, renameField(frame.text), active, true);
      case "retyped_field":
        return this.#altered(frame, retypeField(frame.text), active, true);
      case "malformed":
        return this.#altered(frame, cut(frame.text), active, true);
      case "invalid_utf8":
        return this.#altered(frame, breakUtf8(frame.text), active, true);
      default:
        this.#write(frame);
    }
  }

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
    if (frame.kind === "data" && this.#recent.push(frame) > 2 * RECENT) this.#recent.splice(0, RECENT);
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

  #suppress(frame: Outgoing, suppressed: string, active: ActiveFault | null): void {
    if (active !== null) active.count++;
    const { conn, venue } = this;
    this.#truth?.add({ suppressed, conn, venue, at: this.#now, text: frame.text });
  }

  /** Sends another text in place of a frame's own; `isDamaged` where the frame can then not be what it was. */
  #altered(frame: Outgoing, to: string | Buffer | null, active: ActiveFault, isDamaged: boolean): void {
    if (to === null) return this.#write(frame);
    active.count++;
    this.#ws.send(to, { binary: false });
    const { conn, venue } = this;
    const n = ++this.#sent;
    this.#truth?.add({
      conn,
      venue,
      n,
      at: this.#now,
      fault: active.fault.kind,
      ...(isDamaged ? { original: frame.text } : frame.after !== undefined && { after: frame.after }),
      ...(typeof to === "string" ? { text: to } : { base64: to.toString("base64") }),
    });
  }

  #report({ fault, from, count }: ActiveFault): void {
    const { conn, venue } = this;
    this.#truth?.add({ fault: fault.kind, conn, venue, from, to: this.#now, count });
  }

  #over(active: ActiveFault): void {
    this.#report(active);
    this.#active = null;
  }

  #unmute(muting: ActiveFault): void {
    this.#report(muting);
    this.#muting = null;
    this.#protocol?.mute?.(null);
  }

  /** The client did not drain: Kalshi says so (error 25) and both venues hang up. */
  #overflow(active: ActiveFault | null): void {
    if (active !== null) {
      for (const frame of this.#waiting) this.#suppress(frame, active.fault.kind, active);
      this.#waiting = [];
      this.#over(active);
    }
    this.#protocol?.fail(25, this.#now);
    this.close("slow consumer", 1008);
  }

  #end(reason: string): void {
    this.ended = true;
    const { conn, venue } = this;
    // Where it ends by itself, what a fault still held back is lost.
    if (this.#held !== null) this.#suppress(this.#held, "reorder", this.#active);
    for (const frame of this.#waiting) this.#suppress(frame, "slow_consumer", this.#active);
    for (const active of [this.#active, this.#muting, this.#tardy]) if (active !== null) this.#report(active);
    this.#truth?.add({ closed: reason, conn, venue, at: this.#now, unsent: this.#ws.bufferedAmount });
  }
}

function isOver({ fault, from }: ActiveFault, now: Micros): boolean {
  return now >= from + fault.lasts;
}

/** 0…99, the same for a market wherever it is asked: which share of the markets it belongs to. */
function shareOf(market: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < market.length; i++) hash = Math.imul(hash ^ market.charCodeAt(i), 0x01000193) >>> 0;
  return hash % 100;
}
