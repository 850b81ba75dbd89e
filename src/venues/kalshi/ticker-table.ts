/**
 * A map from tickers as they lie in a frame to values, without making a string of each: a hash table with open
 * addressing over the tickers' bytes. Looking up one of ten thousand markets is what a frame costs most; a string and a
 * `Map` cost twice as much.
 */
export class TickerTable<T> {
  /** Number of the entry + 1; 0 is free. Its length is a power of two. */
  #slots = new Int32Array(256);
  #hashes = new Int32Array(128);
  /** Where each entry's bytes end in `#bytes`; they begin where those of the one before end. */
  #ends = new Int32Array(128);
  #bytes: Buffer = Buffer.alloc(4096);
  #values: T[] = [];

  /** The value of the ticker at `bytes[from, to)`; undefined where it is not known. */
  get(bytes: Buffer, from: number, to: number): T | undefined {
    const hash = hashOf(bytes, from, to);
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot]! - 1;
      if (entry < 0) return undefined;
      if (this.#hashes[entry] === hash && this.#equals(entry, bytes, from, to)) return this.#values[entry];
    }
  }

  /** Adds a ticker that is not known yet. */
  add(bytes: Buffer, from: number, to: number, value: T): void {
    const entry = this.#values.length;
    if (entry * 2 >= this.#slots.length) this.#grow();
    const start = entry === 0 ? 0 : this.#ends[entry - 1]!;
    const end = start + to - from;
    if (end > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], Math.max(end, this.#bytes.length * 2));
    bytes.copy(this.#bytes, start, from, to);
    this.#ends[entry] = end;
    this.#hashes[entry] = hashOf(bytes, from, to);
    this.#values.push(value);
    this.#place(entry);
  }

  clear(): void {
    this.#slots.fill(0);
    this.#values = [];
  }

  #equals(entry: number, bytes: Buffer, from: number, to: number): boolean {
    const start = entry === 0 ? 0 : this.#ends[entry - 1]!;
    if (this.#ends[entry]! - start !== to - from) return false;
    const own = this.#bytes;
    // From the end: tickers of one event differ there.
    for (let i = to - 1, j = this.#ends[entry]! - 1; i >= from; i--, j--) if (bytes[i] !== own[j]) return false;
    return true;
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 2);
    this.#hashes = longer(this.#hashes, this.#slots.length / 2);
    this.#ends = longer(this.#ends, this.#slots.length / 2);
    for (let entry = 0; entry < this.#values.length; entry++) this.#place(entry);
  }

  #place(entry: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = this.#hashes[entry]! & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = entry + 1;
  }
}

function longer(from: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(length);
  to.set(from);
  return to;
}

/** FNV-1a, its high bits folded into the low ones. */
function hashOf(bytes: Buffer, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash ^ (hash >>> 15);
}
