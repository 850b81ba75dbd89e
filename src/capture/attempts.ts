import type { Decision } from "../journal/record.ts";
import type { Micros } from "../model/time.ts";
import { Backoff } from "../net/backoff.ts";
import type { SocketEnd } from "../net/websocket.ts";
import type { LiveVenue, Refusal } from "../venues/venue.ts";
import type { ClockOffset } from "./clock-offset.ts";
import type { RecordConfig } from "./config.ts";
import type { Reconnects, Waiting } from "./reconnects.ts";

/** A clock that is off by less is not why a signature was refused. */
const CLOCK_MATTERS: Micros = 2_000_000;

export interface AttemptsOptions {
  readonly venue: string;
  readonly stream: string;
  readonly live: Pick<LiveVenue, "refused">;
  readonly config: Pick<RecordConfig, "reconnect_min" | "reconnect_max">;
  readonly reconnects: Reconnects;
  readonly clock: ClockOffset;
  readonly decide: (decision: Decision) => void;
  readonly onWarning: (message: string) => void;
}

/** One connection's attempts to be made: when the next one is due, and what is said of those that failed. */
export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #backoff: Backoff;
  #refused: Refusal | null = null;

  constructor(options: AttemptsOptions) {
    this.#options = options;
    const { reconnect_min, reconnect_max } = options.config;
    this.#backoff = new Backoff({ minMs: reconnect_min / 1000, maxMs: reconnect_max / 1000 });
  }

  opened(): void {
    this.#refused = null;
  }

  /** The connection lived long: the next one is made without a long wait. */
  healthy(): void {
    this.#backoff.reset();
  }

  /**
   * The connection ended, or was not made although it was tried at `failedAt` (wall clock). How long to wait, and
   * whether the wait may be cut short.
   */
  next(
    connection: Waiting,
    end: SocketEnd,
    { url, failedAt }: { readonly url: string; readonly failedAt: Micros | null },
  ): { readonly waitMs: number; readonly mayHurry: boolean } {
    const { live, config, reconnects } = this.#options;
    const refusal = failedAt !== null && end.status !== null ? (live.refused?.(end.status, end.body) ?? null) : null;
    const { waitMs, maintenance } = reconnects.after(connection, {
      waitMs: Math.min(this.#backoff.next(), config.reconnect_max / 1000),
      url,
      unreachable: end.status === null || end.status >= 500,
      refusal,
    });
    if (failedAt !== null) this.#failed(end, failedAt, { waitMs, refusal, maintenance });
    // The attempts of a maintenance window say nothing of what comes after it.
    if (maintenance !== null) this.#backoff.reset();
    return { waitMs, mayHurry: maintenance === null && refusal === null };
  }

  #failed(
    { status, reason, date }: SocketEnd,
    failedAt: Micros,
    {
      waitMs,
      refusal,
      maintenance,
    }: { readonly waitMs: number; readonly refusal: Refusal | null; readonly maintenance: string | null },
  ): void {
    const { attempts } = this.#backoff;
    const { venue, stream, onWarning, clock, decide } = this.#options;
    const measured = refusal !== null && clock.measured(date, failedAt, Date.now() * 1000);
    const offset = measured ? clock.offset : null;
    if (refusal?.kind === "clock") clock.isWrong = offset !== null && Math.abs(offset) >= CLOCK_MATTERS;
    decide({
      type: "connect-failed",
      status,
      reason,
      attempts,
      retryMs: Math.round(waitMs),
      ...(refusal === null ? {} : { refusal: refusal.kind, code: refusal.code }),
      ...(offset === null ? {} : { clockOffsetMs: Math.round(offset / 1000), corrected: clock.isWrong }),
      ...(maintenance === null ? {} : { scheduled: maintenance }),
    });
    if (maintenance !== null) return;
    if (refusal !== null) {
      // Said once for each reason, not at each attempt.
      if (this.#refused?.code !== refusal.code) onWarning(refusalText(venue, refusal, offset, clock.isWrong));
      this.#refused = refusal;
      return;
    }
    // Said at the 1st, 2nd, 4th, 8th … attempt.
    if ((attempts & (attempts - 1)) !== 0) return;
    onWarning(`cannot connect to ${venue} (${stream}): ${reason}; trying again, ${attempts} attempts so far`);
  }
}

function refusalText(
  venue: string,
  { kind, message, hint }: Refusal,
  offset: Micros | null,
  corrected: boolean,
): string {
  if (kind !== "clock" || offset === null) return `${venue} refuses the connection: ${message}; ${hint}`;
  const seconds = Math.abs(offset / 1_000_000).toFixed(0);
  const clock = `this machine's clock is ${seconds} s ${offset > 0 ? "behind" : "ahead of"} ${venue}'s`;
  return `${venue} refuses the connection: ${clock}; set it (NTP)${corrected ? ". Until then Foretape signs in the venue's time" : ""}`;
}
