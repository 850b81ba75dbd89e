import type { Instruments } from "../model/instrument.ts";
import { TableBuffer } from "./buffer.ts";
import { tables, type Table } from "./schema.ts";

/**
 * Rows on their way to another thread: numbers lie in memory that both threads see and that is used again, because
 * memory which is handed over becomes garbage outside the heap, where it piles up. Plain data, so that it can be posted.
 */
export interface SharedRows {
  readonly memory: SharedArrayBuffer;
  /** Instruments that appeared since the rows before, in the order of their numbers. */
  readonly instruments: readonly (readonly [venue: string, market: string, outcome: string | null])[];
  readonly tables: readonly SharedTable[];
}

interface SharedTable {
  readonly name: string;
  readonly rows: number;
  /** By text column: its words, which rows name by their place from 1 (0 is null), or all its values. */
  readonly texts: readonly (readonly (string | null)[])[];
  /** By column of lists: levels of all rows together. */
  readonly levels: readonly number[];
}

const FIRST_BYTES = 1024 * 1024;
/** Codes are bytes, and 0 is null. A `word` column has a handful of words. */
const MOST_WORDS = 255;

/** Where rows are laid down for the other thread; one at a time. */
export class SharedRoom {
  #memory = new SharedArrayBuffer(FIRST_BYTES);

  /** Copies all rows; `known` instruments were told before. What was laid down earlier is gone. */
  put(buffers: readonly TableBuffer[], instruments: Instruments, known: number): SharedRows {
    const filled = buffers.filter(({ length }) => length > 0);
    const bytes = sharedBytes(filled);
    if (bytes > this.#memory.byteLength) this.#memory = new SharedArrayBuffer(Math.ceil(bytes * 1.5));
    const cursor = new Cursor(this.#memory);
    return {
      memory: this.#memory,
      instruments: instruments.all.slice(known).map(({ venue, market, outcome }) => [venue, market, outcome]),
      tables: filled.map((buffer) => lay(buffer, cursor)),
    };
  }
}

function lay(buffer: TableBuffer, cursor: Cursor): SharedTable {
  const rows = buffer.length;
  const texts: (readonly (string | null)[])[] = [];
  const levels: number[] = [];
  const ids = cursor.int32(rows);
  for (let row = 0; row < rows; row++) ids[row] = buffer.instrument[row]?.id ?? -1;
  cursor.int32(rows).set(buffer.day.subarray(0, rows));
  cursor.int32(rows).set(buffer.n.subarray(0, rows));
  cursor.float64(rows).set(buffer.frame.subarray(0, rows));
  for (const column of buffer.columns) {
    if (column.kind === "number") cursor.float64(rows).set(column.values.subarray(0, rows));
    else if (column.kind === "levels") {
      const { used } = column;
      levels.push(used);
      cursor.int32(rows).set(column.starts);
      cursor.int32(rows).set(column.counts);
      cursor.int32(used).set(column.prices.subarray(0, used));
      cursor.float64(used).set(column.sizes.subarray(0, used));
    } else texts.push(column.type === "word" ? code(column.values, cursor.bytes(rows)) : column.values);
  }
  return { name: buffer.table.name, rows, texts, levels };
}

/** Writes the code of each value and returns the words. */
function code(values: readonly (string | null)[], codes: Uint8Array): string[] {
  const words = new Map<string, number>();
  let lastWord: string | null = null;
  let lastCode = 0;
  for (let row = 0; row < codes.length; row++) {
    const word = values[row] ?? null;
    if (word !== lastWord) {
      lastWord = word;
      lastCode = word === null ? 0 : (words.get(word) ?? words.size + 1);
      if (word !== null) words.set(word, lastCode);
      if (lastCode > MOST_WORDS) throw new Error(`more than ${MOST_WORDS} words in a column of words: ${word}`);
    }
    codes[row] = lastCode;
  }
  return [...words.keys()];
}

/** Reads in one thread what another one laid down. The buffers are views: they hold until the room is used again. */
export class SharedRowReader {
  readonly #instruments: Instruments;
  readonly #buffers = new Map<string, TableBuffer>();

  /** `instruments` is this thread's own copy: it grows with what the rows bring. */
  constructor(instruments: Instruments) {
    this.#instruments = instruments;
  }

  read(shared: SharedRows): readonly TableBuffer[] {
    for (const [venue, market, outcome] of shared.instruments) this.#instruments.get(venue, market, outcome);
    const cursor = new Cursor(shared.memory);
    return shared.tables.map((table) => this.#take(table, cursor));
  }

  #take({ name, rows, texts, levels }: SharedTable, cursor: Cursor): TableBuffer {
    const buffer = this.#buffer(name);
    buffer.clear();
    buffer.length = rows;
    const ids = cursor.int32(rows);
    for (let row = 0; row < rows; row++) buffer.instrument[row] = this.#instruments.all[ids[row]!] ?? null;
    buffer.day = cursor.int32(rows);
    buffer.n = cursor.int32(rows);
    buffer.frame = cursor.float64(rows);
    let text = 0;
    let list = 0;
    for (const column of buffer.columns) {
      if (column.kind === "number") column.values = cursor.float64(rows);
      else if (column.kind === "levels") {
        const used = levels[list++]!;
        column.load(cursor.int32(rows), cursor.int32(rows), cursor.int32(used), cursor.float64(used));
      } else if (column.type === "word") {
        const codes = cursor.bytes(rows);
        const words = texts[text++]!;
        for (let row = 0; row < rows; row++) column.values[row] = codes[row] === 0 ? null : words[codes[row]! - 1]!;
      } else for (const value of texts[text++]!) column.values.push(value);
    }
    return buffer;
  }

  #buffer(name: string): TableBuffer {
    let buffer = this.#buffers.get(name);
    if (buffer === undefined) this.#buffers.set(name, (buffer = new TableBuffer(tableOf(name))));
    return buffer;
  }
}

function tableOf(name: string): Table {
  const table = tables.find((each) => each.name === name);
  if (table === undefined) throw new Error(`there is no table ${name}`);
  return table;
}

/** Takes arrays one behind the other from a piece of memory. */
class Cursor {
  readonly #memory: SharedArrayBuffer;
  #at = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = memory;
  }

  int32(length: number): Int32Array {
    return new Int32Array(this.#memory, this.#take(length * 4), length);
  }
  float64(length: number): Float64Array {
    return new Float64Array(this.#memory, this.#take(length * 8), length);
  }
  bytes(length: number): Uint8Array {
    return new Uint8Array(this.#memory, this.#take(length), length);
  }

  #take(bytes: number): number {
    const at = this.#at;
    this.#at += aligned(bytes);
    return at;
  }
}

const aligned = (bytes: number): number => (bytes + 7) & ~7;

/** How many bytes of a room these rows take at most. */
export function sharedBytes(buffers: readonly TableBuffer[]): number {
  return buffers.reduce((sum, buffer) => sum + (buffer.length > 0 ? bytesOf(buffer) : 0), 0);
}

/** At most what the rows of `buffer` take. */
function bytesOf(buffer: TableBuffer): number {
  const rows = aligned(buffer.length * 8);
  return buffer.columns.reduce(
    (sum, column) => sum + (column.kind === "levels" ? 2 * rows + 2 * aligned(column.used * 8) : rows),
    4 * rows,
  );
}
