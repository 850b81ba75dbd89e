import type { Micros } from "../model/time.ts";
import { type Fault, fits, scopeOf } from "./fault.ts";
import type { Truth } from "./truth.ts";

interface Active {
  readonly fault: Fault;
  readonly from: Micros;
  /** Connections refused, answers changed. */
  count: number;
}

/** How far the venue's clock is off, beyond what any signature may be. */
const SKEW_MS = 120_000;

/** What meets a client that wants to connect. */
export interface Welcome {
  /** The connection is closed without an answer. */
  readonly silent?: true;
  /** Plain HTTP in place of the upgrade. */
  readonly status?: string;
  readonly body?: string;
  /** Added to the venue's clock when it looks at a signature. */
  readonly skewMs?: number;
  /** The venue knows the key and not this signature. */
  readonly wrongKey?: true;
}

/** The faults of whole venues: what becomes of new connections and of REST requests while they last. */
export class Gate {
  readonly #truth: Truth | null;
  #active: Active[] = [];

  constructor(truth: Truth | null) {
    this.#truth = truth;
  }

  begin(fault: Fault, now: Micros): void {
    this.#active.push({ fault, from: now, count: 0 });
  }

  /** Ends what is over; `all` at the end of the exchange. */
  advance(now: Micros, all = false): void {
    if (this.#active.length === 0) return;
    this.#active = this.#active.filter((active) => {
      const { fault, from, count } = active;
      if (!all && now < from + fault.lasts) return true;
      this.#truth?.add({ fault: fault.kind, conn: null, venue: fault.venue ?? "all", from, to: now, count });
      return false;
    });
  }

  /** What happens to the next handshake; it counts. */
  welcome(venue: string): Welcome {
    const active = this.#next("sessions", venue);
    switch (active?.fault.kind) {
      case "maintenance":
        // What Kalshi answers in its weekly window is not published; load balancers without a server behind them do this.
        return {
          status: "503 Service Unavailable",
          body: "<html><body><h1>503 Service Unavailable</h1></body></html>",
        };
      case "refuse":
        return { silent: true };
      case "unauthorized":
        return { wrongKey: true };
      case "clock_ahead":
        return { skewMs: SKEW_MS };
      case "clock_behind":
        return { skewMs: -SKEW_MS };
      default:
        return {};
    }
  }

  /** How far the venue's clock is off for a signed REST request. */
  skewMs(venue: string): number {
    const kind = this.#active.find(({ fault }) => fault.kind.startsWith("clock_") && concerns(fault, venue))?.fault
      .kind;
    return kind === undefined ? 0 : kind === "clock_ahead" ? SKEW_MS : -SKEW_MS;
  }

  /** The fault that befalls the next REST answer of a venue; it counts. In maintenance REST is away too. */
  request(venue: string): Fault | null {
    const closed = this.#active.find(({ fault }) => fault.kind === "maintenance" && concerns(fault, venue));
    return closed?.fault ?? this.#next("rest", venue)?.fault ?? null;
  }

  #next(scope: "sessions" | "rest", venue: string): Active | null {
    const active = this.#active.find(({ fault }) => scopeOf(fault.kind) === scope && concerns(fault, venue));
    if (active === undefined) return null;
    active.count++;
    return active;
  }
}

function concerns(fault: Fault, venue: string): boolean {
  return fits(fault.kind, venue) && (fault.venue === null || fault.venue === venue);
}
