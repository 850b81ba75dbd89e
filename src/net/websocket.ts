import { WebSocket } from "ws";

/** The largest frame that is taken; Kalshi's own limit on frames it reads (docs.kalshi.com changelog, 2026-09-24). */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;

const CLOSE_MS = 1_000;
/** As much of a refusal as says why. */
const REFUSAL_BYTES = 4_096;
/** How long a refusal's body may take. */
const REFUSAL_MS = 2_000;

export interface SocketEnd {
  /** WebSocket close code; 1006 where the connection just ended. */
  readonly code: number;
  readonly reason: string;
  /** The frame that came was larger than `MAX_FRAME_BYTES`. */
  readonly oversize: boolean;
  /** HTTP status of a refused handshake. */
  readonly status: number | null;
  /** The beginning of a refusal's body, and its `Date` header. */
  readonly body: string;
  readonly date: string | null;
}

export interface SocketOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly handshakeTimeoutMs: number;
  /** Offer permessage-deflate. */
  readonly compress: boolean;
  readonly onOpen: () => void;
  /** Called for every data frame, its bytes untouched and unchecked, in order. Must not throw. */
  readonly onFrame: (frame: Buffer) => void;
  /** A protocol ping or pong came: the other side is there, which says nothing of data. */
  readonly onSign?: () => void;
  /** Called once, whether or not the socket ever opened. */
  readonly onEnd: (end: SocketEnd) => void;
}

/** A client WebSocket. The only file that knows `ws`'s client. Protocol pings are answered by `ws` itself. */
export class Socket {
  readonly #ws: WebSocket;
  #ended = false;

  constructor(options: SocketOptions) {
    let failure = "";
    let oversize = false;
    let status: number | null = null;
    let date: string | null = null;
    let body = "";
    const ws = new WebSocket(options.url, {
      headers: { ...options.headers },
      handshakeTimeout: options.handshakeTimeoutMs,
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: options.compress,
      // One bad byte must not cost the connection: the frame is recorded as it is.
      skipUTF8Validation: true,
      followRedirects: false,
    });
    ws.binaryType = "nodebuffer";
    ws.on("open", options.onOpen);
    ws.on("message", (data) => options.onFrame(data as Buffer));
    ws.on("ping", () => options.onSign?.());
    ws.on("pong", () => options.onSign?.());
    ws.on("unexpected-response", (request, response) => {
      status = response.statusCode ?? null;
      date = response.headers.date ?? null;
      failure = `HTTP ${status ?? "?"}`;
      const done = () => {
        clearTimeout(timer);
        request.destroy();
        ws.terminate();
      };
      const timer = setTimeout(done, REFUSAL_MS);
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        body += part;
        if (body.length >= REFUSAL_BYTES) done();
      });
      response.once("close", done);
    });
    ws.on("error", (error) => {
      if ((error as NodeJS.ErrnoException).code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") oversize = true;
      if (failure === "") failure = error.message;
    });
    ws.on("close", (code, reason) => {
      if (this.#ended) return;
      this.#ended = true;
      const why = reason.length > 0 ? reason.toString() : failure;
      options.onEnd({ code, reason: why, oversize, status, body: body.slice(0, REFUSAL_BYTES), date });
    });
    this.#ws = ws;
  }

  /** Sends a text frame; does nothing on a socket that is not open. */
  send(text: string): void {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.send(text);
  }

  /** Sends a protocol ping: whoever is there answers with a pong. */
  ping(): void {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.ping();
  }

  /** Stops reading: TCP's flow control then slows the other side. */
  pause(): void {
    this.#ws.pause();
  }

  resume(): void {
    this.#ws.resume();
  }

  /** Closes with a handshake of at most a second; frames that arrive before its end are still delivered. */
  close(): void {
    this.#ws.close(1000);
    setTimeout(() => this.#ws.terminate(), CLOSE_MS).unref();
  }

  /** Ends at once, without asking the other side. */
  terminate(): void {
    this.#ws.terminate();
  }
}
