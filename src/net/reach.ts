import { connect } from "node:net";

/** The cheapest question there is: whether someone takes a TCP connection at a URL's host and port. Never rejects. */
export function takesConnections(url: string, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  const { hostname, port, protocol } = new URL(url);
  const isSecure = protocol === "wss:" || protocol === "https:";
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ""),
      port: port === "" ? (isSecure ? 443 : 80) : Number(port),
    });
    const done = (answer: boolean) => {
      signal.removeEventListener("abort", abort);
      socket.destroy();
      resolve(answer);
    };
    const abort = () => done(false);
    signal.addEventListener("abort", abort, { once: true });
    socket.setTimeout(timeoutMs, () => done(false));
    socket.once("connect", () => done(true));
    // Why nobody answers is the next attempt's to say.
    socket.once("error", () => done(false));
    if (signal.aborted) done(false);
  });
}
