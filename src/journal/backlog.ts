import { encodeRecord, RECORD_HEADER_BYTES, type Stamp } from "./codec.ts";
import type { Kind } from "./record.ts";

const CHUNK_BYTES = 1024 * 1024;
/** So much that is written and not yet durable is kept, in case its file fails. */
const RETAINED_BYTES = 64 * 1024 * 1024;

/** A stretch of encoded records. */
interface Chunk {
  readonly buffer: Buffer;
  readonly view: DataView;
  /** Position of its first byte among all bytes appended. */
  start: number;
  used: number;
  written: number;
}

/** Records that are gone, and between which receive times (microseconds) they lay; null where unknown. */
export interface Loss {
  readonly records: number;
  readonly from: number | null;
  readonly to: number | null;
}

/**
 * Encoded records on their way to the disk, kept until they are durable: what could not be synced is written again from
 * here. Positions count the bytes appended.
 */
export class Backlog {
  #chunks: Chunk[] = [];
  #tail: Chunk | undefined;
  /** Index of the first chunk that may have something to write. */
  #next = 0;
  #spare: Chunk[] = [];
  #position = 0;
  #unwritten = 0;
  #forgotten: (Loss & { readonly end: number })[] = [];

  /** Bytes appended and not yet written. */
  get unwritten(): number {
    return this.#unwritten;
  }

  /** Bytes appended in all. */
  get position(): number {
    return this.#position;
  }

  append(frame: number, kind: Kind, epoch: number, stamp: Stamp, payload: Uint8Array): void {
    const size = RECORD_HEADER_BYTES + payload.length;
    let chunk = this.#tail;
    if (chunk === undefined || chunk.used + size > chunk.buffer.length) chunk = this.#grow(size);
    chunk.used = encodeRecord(chunk.buffer, chunk.used, chunk.view, frame, kind, epoch, stamp, payload);
    this.#position += size;
    this.#unwritten += size;
  }

  #grow(size: number): Chunk {
    let chunk = size <= CHUNK_BYTES ? this.#spare.pop() : undefined;
    if (chunk === undefined) {
      const buffer = Buffer.allocUnsafeSlow(Math.max(size, CHUNK_BYTES));
      chunk = { buffer, view: new DataView(buffer.buffer), start: 0, used: 0, written: 0 };
    }
    chunk.start = this.#position;
    chunk.used = 0;
    chunk.written = 0;
    this.#chunks.push(chunk);
    this.#tail = chunk;
    return chunk;
  }

  /** Writes what is not written. `write` says how many bytes it took; what it throws ends the writing, for now. */
  flush(write: (buffer: Buffer, from: number, length: number) => number): void {
    for (;;) {
      const chunk = this.#chunks[this.#next];
      if (chunk === undefined) break;
      while (chunk.written < chunk.used) {
        const count = write(chunk.buffer, chunk.written, chunk.used - chunk.written);
        chunk.written += count;
        this.#unwritten -= count;
      }
      // More may be appended to the last one.
      if (chunk === this.#tail) break;
      this.#next++;
    }
    while (this.#next > 0 && this.#position - (this.#chunks[0]?.start ?? 0) > RETAINED_BYTES) this.#forget();
  }

  /** Lets go of the oldest written chunk although it is not durable. */
  #forget(): void {
    const chunk = this.#chunks.shift();
    if (chunk === undefined) return;
    this.#next--;
    this.#forgotten.push({ end: chunk.start + chunk.used, ...lossOf(chunk) });
    this.#recycle([chunk], this.#chunks.length);
  }

  /** Lets go of everything before `position`: it is durable. */
  release(position: number): void {
    let done = 0;
    for (const chunk of this.#chunks) {
      if (chunk.start + chunk.used > position) break;
      done++;
    }
    const released = this.#chunks.splice(0, done);
    this.#next = Math.max(0, this.#next - done);
    if (this.#chunks.length === 0) this.#tail = undefined;
    this.#forgotten = this.#forgotten.filter(({ end }) => end > position);
    this.#recycle(released, done);
  }

  /** Keeps about as many spare chunks as the present load needs. */
  #recycle(chunks: readonly Chunk[], needed: number): void {
    this.#spare.push(...chunks.filter(({ buffer }) => buffer.length === CHUNK_BYTES));
    if (this.#spare.length > 4) this.#spare.length = Math.min(this.#spare.length, Math.max(4, needed));
  }

  /** What was let go before it was durable; null if nothing. */
  get forgotten(): Loss | null {
    const [first] = this.#forgotten;
    if (first === undefined) return null;
    const records = this.#forgotten.reduce((sum, loss) => sum + loss.records, 0);
    return { records, from: first.from, to: this.#forgotten.at(-1)?.to ?? null };
  }

  /** Every record from `position` on, as its place in a buffer. */
  *recordsFrom(position: number): Generator<{ readonly buffer: Buffer; readonly at: number; readonly next: number }> {
    for (const { buffer, start, used } of this.#chunks) {
      for (let at = 0; at < used;) {
        const next = at + RECORD_HEADER_BYTES + buffer.readUInt32LE(at);
        if (start + at >= position) yield { buffer, at, next };
        at = next;
      }
    }
  }
}

function lossOf({ buffer, used }: Chunk): Loss {
  let records = 0;
  let last = 0;
  for (let at = 0; at < used; at += RECORD_HEADER_BYTES + buffer.readUInt32LE(at)) {
    records++;
    last = at;
  }
  return { records, from: wallAt(buffer, 0), to: wallAt(buffer, last) };
}

function wallAt(buffer: Buffer, at: number): number | null {
  if (buffer[at + 9] !== 0) return null;
  return buffer.readUInt32LE(at + 24) * 1_000_000 + Math.floor(buffer.readUInt32LE(at + 28) / 1000);
}
