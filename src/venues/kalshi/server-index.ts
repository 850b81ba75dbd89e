import { formatScaled, formatSpot, type Spot } from "../../model/decimal.ts";
import type { Micros } from "../../model/time.ts";

/** An index as CF Benchmarks publishes it, about once a second. */
export interface IndexPrint {
  readonly id: string;
  readonly at: Micros;
  readonly value: Spot;
  /** The values of the sixty seconds before, oldest first. */
  readonly before: readonly { readonly at: Micros; readonly value: Spot }[];
}

const MINUTE = 60_000;
const QUARTER = 15 * MINUTE;

/** The `msg` of a `cfbenchmarks_value` message (docs.kalshi.com/websockets/cfbenchmarks-value). */
export function indexMessage({ id, at, value, before }: IndexPrint): string {
  const now = Math.floor(at / 1_000);
  const window = before
    .map((print) => ({ ...print, ms: Math.floor(print.at / 1_000) }))
    .filter(({ ms }) => ms >= now - MINUTE);
  const close = Math.ceil(now / QUARTER) * QUARTER;
  const last = [...window.filter(({ ms }) => ms > close - MINUTE), { value }];
  return JSON.stringify({
    index_id: id,
    received_at: now + 18,
    data: JSON.stringify({ type: "value", id, time: now, value: formatSpot(value) }),
    avg_60s_data: {
      value: mean(window.length > 0 ? window : [{ value }]),
      window_size: window.length,
      window_start_ts_ms: now - MINUTE,
      window_end_ts_exclusive: now,
    },
    ...(now > close - MINUTE && {
      last_60s_windowed_average_15min: {
        value: mean(last),
        window_size: last.length,
        window_start_ts_ms: close - MINUTE,
        window_end_ts_ms: close,
      },
    }),
  });
}

/** With eight places, as the venue writes them. */
function mean(values: readonly { readonly value: Spot }[]): string {
  const sum = values.reduce((total, { value }) => total + value, 0);
  const [whole = "0", fraction = ""] = formatScaled(Math.round(sum / values.length), 8).split(".");
  return `${whole}.${fraction.padEnd(8, "0")}`;
}
