import duckdb from "@duckdb/node-bindings";
import type { Instrument } from "../../model/instrument.ts";
import type { TableBuffer } from "../../tables/buffer.ts";
import { CHUNK_ROWS } from "./chunk-writer.ts";

/** What stands for null is never read: DuckDB has no enumeration without values. */
const NO_VALUES: readonly string[] = [""];

/** One of the names in front of a row as a vector of DuckDB's enumerations: each name once, and its number in each row. */
export class NameColumn {
  readonly name: string;
  readonly #of: (instrument: Instrument) => string | null;
  readonly #numbers: Map<string, number> = new Map();
  /** By instrument: its name's number; -1 for none. */
  readonly #byInstrument: Map<Instrument, number> = new Map();
  readonly #scratch: Int32Array<ArrayBuffer> = new Int32Array(CHUNK_ROWS);
  readonly #validity: Uint8Array<ArrayBuffer> = new Uint8Array(CHUNK_ROWS / 8);

  constructor(name: string, of: (instrument: Instrument) => string | null) {
    this.name = name;
    this.#of = of;
  }

  /** The names, in the order of their numbers. */
  get values(): readonly string[] {
    return this.#numbers.size === 0 ? NO_VALUES : [...this.#numbers.keys()];
  }

  /** From now on the names are those of these rows. */
  learn(buffer: TableBuffer, order: Int32Array): void {
    this.#numbers.clear();
    this.#byInstrument.clear();
    let last: Instrument | null = null;
    for (const row of order) {
      const instrument = buffer.instrument[row] ?? null;
      if (instrument === last || instrument === null || this.#byInstrument.has(instrument)) continue;
      last = instrument;
      const name = this.#of(instrument);
      let number = name === null ? -1 : this.#numbers.get(name);
      if (number === undefined && name !== null) this.#numbers.set(name, (number = this.#numbers.size));
      this.#byInstrument.set(instrument, number ?? -1);
    }
  }

  /** Puts the numbers of all rows of `buffer` into an empty vector. */
  write(vector: duckdb.Vector, buffer: TableBuffer): void {
    const scratch = this.#scratch;
    let nulls = false;
    let last: Instrument | null = null;
    let number = -1;
    for (let row = 0; row < buffer.length; row++) {
      const instrument = buffer.instrument[row] ?? null;
      if (instrument !== last || instrument === null) {
        last = instrument;
        number = instrument === null ? -1 : (this.#byInstrument.get(instrument) ?? -1);
      }
      scratch[row] = number;
      if (number >= 0) continue;
      if (!nulls) this.#validity.fill(0xff);
      nulls = true;
      this.#validity[row >> 3]! &= ~(1 << (row & 7));
    }
    const numbers = narrow(scratch, this.values.length);
    duckdb.copy_data_to_vector(vector, 0, numbers.buffer, 0, buffer.length * numbers.BYTES_PER_ELEMENT);
    if (!nulls) return;
    duckdb.vector_ensure_validity_writable(vector);
    duckdb.copy_data_to_vector_validity(vector, 0, this.#validity.buffer, 0, this.#validity.byteLength);
  }
}

/** As wide as DuckDB stores an enumeration of so many names (its C API: `duckdb_enum_internal_type`). */
function narrow(numbers: Int32Array<ArrayBuffer>, names: number) {
  if (names <= 0xff) return Uint8Array.from(numbers);
  return names <= 0xffff ? Uint16Array.from(numbers) : numbers;
}
