import { randomBytes } from "node:crypto";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Micros } from "../model/time.ts";

/** As much of a body as says what is wrong. */
const MOST_BYTES = 4_096;

export interface Asked {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** For the whole exchange, DNS included. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface Answer {
  /** 101 where a handshake was accepted. */
  readonly status: number;
  /** Its beginning. */
  readonly body: string;
  /** The `Date` header. */
  readonly date: string | null;
  /** Our wall clock when the request had left and when the answer's head was there. */
  readonly askedAt: Micros;
  readonly answeredAt: Micros;
}

/**
 * One GET, or for `ws:` and `wss:` one WebSocket handshake that is dropped once it is answered. Unlike a real client it
 * tells of a refused handshake all that the venue says. Rejects with the reason in words where no answer came.
 */
export async function ask({ url, headers, timeoutMs, signal }: Asked): Promise<Answer> {
  const isSocket = /^wss?:/.test(url);
  const target = new URL(isSocket ? url.replace(/^ws/, "http") : url);
  const send = target.protocol === "https:" ? httpsRequest : httpRequest;
  const upgrade = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": randomBytes(16).toString("base64"),
  };
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const timeout = AbortSignal.timeout(timeoutMs);
  let askedAt = Date.now() * 1000;
  const request = send(target, {
    headers: { accept: "application/json", ...headers, ...(isSocket && upgrade) },
    signal: AbortSignal.any([signal, timeout]),
    agent: false,
  });
  const answered = ({ statusCode = 0, headers: { date } }: IncomingMessage, body: string, answeredAt: Micros): void =>
    resolve({ status: statusCode, body, date: date ?? null, askedAt, answeredAt });
  request.on("finish", () => (askedAt = Date.now() * 1000));
  request.on("upgrade", (response, socket) => {
    answered(response, "", Date.now() * 1000);
    socket.destroy();
  });
  request.on("response", (response) => {
    const answeredAt = Date.now() * 1000;
    let body = "";
    response.on("data", (chunk) => {
      body += String(chunk);
      if (body.length < MOST_BYTES) return;
      answered(response, body.slice(0, MOST_BYTES), answeredAt);
      response.destroy();
    });
    response.on("end", () => answered(response, body, answeredAt));
    response.on("error", reject);
  });
  request.on("error", reject);
  request.end();
  try {
    return await promise;
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(timeout.aborted ? `no answer within ${timeoutMs / 1000} s` : reasonOf(error), { cause: error });
  } finally {
    request.destroy();
  }
}

/** Node gathers what each address of a host said; then the text of the whole is empty. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}
