import type { Instrument } from "../model/instrument.ts";
import type { TableBuffer } from "./buffer.ts";

/**
 * The rows of a buffer in the order of table files: by market and outcome, then as they came, which is by frame and
 * ordinal. A counting sort over the instruments.
 */
export function fileOrder(buffer: TableBuffer): Int32Array {
  const { length, instrument } = buffer;
  const seen: (Instrument | null)[] = [];
  /** By instrument's number (0 is none): how many rows it has, then where its next row goes. */
  const places = new Int32Array(1 + instrument.reduce((most, one) => Math.max(most, numberOf(one)), 0));
  for (let row = 0; row < length; row++) {
    const one = instrument[row]!;
    const number = numberOf(one);
    const count = places[number]!;
    if (count === 0) seen.push(one);
    places[number] = count + 1;
  }
  let next = 0;
  for (const one of seen.toSorted(byName)) {
    const number = numberOf(one);
    const count = places[number]!;
    places[number] = next;
    next += count;
  }
  const order = new Int32Array(length);
  for (let row = 0; row < length; row++) order[places[numberOf(instrument[row]!)]!++] = row;
  return order;
}

function numberOf(instrument: Instrument | null): number {
  return instrument === null ? 0 : instrument.id + 1;
}

function byName(a: Instrument | null, b: Instrument | null): number {
  return compare(a?.market ?? "", b?.market ?? "") || compare(a?.outcome ?? "", b?.outcome ?? "");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
