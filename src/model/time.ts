/** Microseconds since 1970-01-01T00:00:00Z: a safe integer from 1684 until 2255, beyond that whole seconds are still exact. */
export type Micros = number;

const ISO = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}(?::?\d{2})?)$/;

/**
 * Parses RFC 3339 text (0–9 fractional digits, `Z` or an offset, `T` or a space) to microseconds.
 * Digits finer than a microsecond are cut; they stay in the recorded frame. Returns null when the text is no such time
 * (a leap second is none), or one that no number holds to the microsecond.
 */
export function parseTime(text: string): Micros | null {
  const m = ISO.exec(text);
  if (m === null) return null;
  const [year, month, day, hour, minute, second] = m.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (minute > 59 || second > 59) return null;
  let ms = Date.UTC(year, month - 1, day, hour, minute, second);
  // `Date.UTC` takes the years 0–99 for 1900–1999.
  if (year < 100) ms = new Date(Date.UTC(2000, month - 1, day, hour, minute, second)).setUTCFullYear(year);
  const date = new Date(ms);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  const offset = offsetMinutes(m[8] ?? "Z");
  if (offset === null) return null;
  const micros = m[7] === undefined ? 0 : Number(m[7].slice(0, 6).padEnd(6, "0"));
  const whole = (ms - offset * 60_000) * 1000;
  return whole + micros - whole === micros ? whole + micros : null;
}

function offsetMinutes(zone: string): number | null {
  if (zone === "Z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(":", "") || "0");
  if (hours > 23 || minutes > 59) return null;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}

/** Prints microseconds as `2026-11-21T16:59:00.000000Z`. */
export function formatTime(micros: Micros): string {
  const seconds = Math.floor(micros / 1_000_000);
  const fraction = micros - seconds * 1_000_000;
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(fraction).padStart(6, "0")}Z`;
}

/** Days since 1970-01-01, UTC. */
export function dayOf(micros: Micros): number {
  return Math.floor(micros / 86_400_000_000);
}
