/** An exact decimal scaled by 10⁶: 0.48 dollars or contracts is 480000. A safe integer. */
export type Millionths = number;

/** One dollar (or one contract) in millionths. */
export const ONE: Millionths = 1_000_000;

const POWERS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000] as const;

/**
 * Parses decimal text digit by digit to an integer scaled by 10^scale: optional sign, digits, optional fraction
 * (`"0.48"`, `".48"`, `"-3.00"`). Zeros beyond the scale are accepted. Returns null, never a guess, when the text
 * is no plain decimal, has more significant decimals than the scale, or leaves the safe integers.
 */
export function parseScaled(text: string, scale: number): number | null {
  const length = text.length;
  let i = 0;
  let negative = false;
  const first = text.charCodeAt(0);
  if (first === 45 /* - */ || first === 43 /* + */) {
    negative = first === 45;
    i = 1;
  }
  let value = 0;
  let digits = 0;
  let decimals = -1;
  for (; i < length; i++) {
    const c = text.charCodeAt(i);
    if (c >= 48 && c <= 57) {
      digits++;
      if (decimals < 0) value = value * 10 + (c - 48);
      else if (decimals < scale) {
        value = value * 10 + (c - 48);
        decimals++;
      } else if (c !== 48) return null;
    } else if (c === 46 /* . */ && decimals < 0) decimals = 0;
    else return null;
  }
  if (digits === 0) return null;
  const missing = scale - Math.max(decimals, 0);
  value *= POWERS[missing] ?? 10 ** missing;
  if (value > Number.MAX_SAFE_INTEGER) return null;
  return negative && value !== 0 ? -value : value;
}

/** `parseScaled` at 10⁻⁶, the scale of venue prices and sizes. */
export function parseMillionths(text: string): Millionths | null {
  return parseScaled(text, 6);
}

/** An exact decimal scaled by 10⁸, the scale of spot prices and sizes: 64281.7 dollars is 6428170000000. A safe integer. */
export type Spot = number;

/** `parseScaled` at 10⁻⁸. Null too where there are more than 90 million units, which no safe integer holds. */
export function parseSpot(text: string): Spot | null {
  return parseScaled(text, 8);
}

/**
 * `parseSpot` of a value that was computed (an average, an oracle's): digits beyond the eighth place are cut. They stay
 * in the recorded frame.
 */
export function parseComputedSpot(text: string): Spot | null {
  const point = text.indexOf(".");
  const digits = point < 0 ? "" : text.slice(point + 9);
  return /^\d*$/.test(digits) ? parseScaled(point < 0 ? text : text.slice(0, point + 9), 8) : null;
}

/** Prints a scaled integer as exact decimal text without trailing zeros: 480000 at scale 6 is `0.48`. */
export function formatScaled(value: number, scale: number): string {
  const unit = POWERS[scale] ?? 10 ** scale;
  const magnitude = Math.abs(value);
  // The remainder is exact, and so is the division of what it leaves; a quotient that is cut would not be.
  const fraction = magnitude % unit;
  const whole = `${value < 0 ? "-" : ""}${(magnitude - fraction) / unit}`;
  if (fraction === 0) return whole;
  const digits = String(unit + fraction);
  let end = digits.length;
  while (digits.charCodeAt(end - 1) === 48) end--;
  return `${whole}.${digits.slice(1, end)}`;
}

/** Prints millionths as decimal text: 480000 is `0.48`. */
export function formatMillionths(value: Millionths): string {
  return formatScaled(value, 6);
}

/** Prints a spot price or size as decimal text: 6428170000000 is `64281.7`. */
export function formatSpot(value: Spot): string {
  return formatScaled(value, 8);
}
