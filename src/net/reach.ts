import { get as plain } from "node:http";
import { get as secure } from "node:https";

/**
 * The cheapest question there is: whether a host serves requests at a URL. Any answer below 500 says so: what a
 * WebSocket endpoint thinks of a request that does not upgrade is no matter. Never rejects.
 */
export function serves(url: string, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const get = /^(wss|https):/.test(url) ? secure : plain;
  // Of its own connection: one that is kept may be dead without anybody knowing.
  const options = { agent: false, signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) };
  const request = get(url.replace(/^ws/, "http"), options, (response) => {
    resolve((response.statusCode ?? 500) < 500);
    request.destroy();
  });
  // Why nobody answers is the next attempt's to say.
  request.on("error", () => resolve(false));
  return promise;
}
