/** Microseconds since 1970-01-01T00:00:00Z, a safe integer until the year 2255. */
export type Micros = number;

const ISO =
  /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}(?::?\d{2})?)$/;

/**
 * Parses RFC 3339 text (0–9 fractional digits, `Z` or an offset, `T` or a space) to microseconds.
 * Digits finer than a microsecond are cut; they stay in the recorded frame. Returns null when the text is no such time.
 */
export function parseTime(text: string): Micros | null {
  const m = ISO.exec(text);
  if (m === null) return null;
  const [, year, month, day, hour, minute, second, fraction, zone] = m;
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const date = new Date(ms);
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day) || Number(hour) > 24) return null;
  let offset = 0;
  if (zone !== undefined && zone !== "Z") {
    const sign = zone.startsWith("-") ? -1 : 1;
    offset = sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(":", "") || "0"));
  }
  const micros = fraction === undefined ? 0 : Number(fraction.slice(0, 6).padEnd(6, "0"));
  return (ms - offset * 60_000) * 1000 + micros;
}

/** Prints microseconds as `2026-11-21T16:59:00.000000Z`. */
export function formatTime(micros: Micros): string {
  const seconds = Math.floor(micros / 1_000_000);
  const fraction = micros - seconds * 1_000_000;
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(fraction).padStart(6, "0")}Z`;
}

/** The UTC date of a time, `YYYY-MM-DD`. */
export function dateOf(micros: Micros): string {
  return new Date(Math.floor(micros / 1000)).toISOString().slice(0, 10);
}

/** Days since 1970-01-01, UTC. */
export function dayOf(micros: Micros): number {
  return Math.floor(micros / 86_400_000_000);
}
