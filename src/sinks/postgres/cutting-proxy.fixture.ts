import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/**
 * Where a connection is cut: at the client's n-th message from now on, which never arrives, or was answered, or arrives when
 * the client has long found a new connection.
 */
export interface Cut {
  readonly message: number;
  readonly when: "before" | "answered" | "late";
}

/** How long a server goes on with a connection whose client is gone, in milliseconds. */
const LINGER_MS = 60;
/** When a late message arrives: a client has found a new connection in less. */
const LATE_MS = 150;

/** A relay before a server that cuts connections at given messages, so that what the server did is not heard of. */
export interface CuttingProxy extends AsyncDisposable {
  readonly port: number;
  /** Cuts that are still to come, one after the other; messages count from the last cut, over all connections. */
  plan(cuts: readonly Cut[]): void;
  /** Cuts that were made. */
  readonly made: number;
  /** From here nothing is passed on any more, and nobody is told. */
  swallow(): void;
}

/** Relays to the port `target`, listening on `own` or on any that is free. */
export async function startCuttingProxy(target: number, own = 0): Promise<CuttingProxy> {
  let cuts: Cut[] = [];
  let messages = 0;
  let made = 0;
  let isSwallowing = false;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    /** Its answer is awaited and kept. */
    let isLast = false;
    let isLate = false;
    const cut = (): void => {
      client.destroy();
      // A network that fails is noticed later by the server: its transaction is open meanwhile.
      setTimeout(() => upstream.destroy(), isLate ? 2 * LATE_MS : LINGER_MS);
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", cut);
      socket.on("close", () => {
        sockets.delete(socket);
        cut();
      });
    }
    client.on("data", (data) => {
      if (isSwallowing) return;
      messages++;
      const next = cuts[0];
      if (next === undefined || messages < next.message || isLast) {
        upstream.write(data);
        return;
      }
      cuts.shift();
      made++;
      messages = 0;
      if (next.when === "before") cut();
      else if (next.when === "late") {
        isLate = true;
        client.destroy();
        setTimeout(() => upstream.write(data), LATE_MS);
      } else {
        isLast = true;
        upstream.write(data);
      }
    });
    upstream.on("data", (data) => {
      if (isSwallowing) return;
      if (isLast) cut();
      else client.write(data);
    });
  });
  server.listen(own, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    plan(planned) {
      cuts = [...planned];
      messages = 0;
    },
    get made() {
      return made;
    },
    swallow() {
      isSwallowing = true;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
