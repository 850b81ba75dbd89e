import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, readSync, renameSync, writeSync } from "node:fs";
import { createHash } from "node:crypto";
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { StorageError } from "../ops/errors.ts";
import { packRecords, unpackRecords } from "./block.ts";
import { type Damage, encodeFileHeader, FILE_HEADER_BYTES, FORMAT_VERSION, scanRecords } from "./codec.ts";
import { rawPath, sealedPath } from "./layout.ts";

/** Uncompressed bytes of one block: what one flipped bit costs at most. */
export const BLOCK_BYTES: number = 256 * 1024;
/** Blocks after which the recorder's sealing thread, where it may, collects its garbage: 5 ms for 8 MiB of frames. */
const COLLECT_EVERY = 32;
const MAGIC = Buffer.from("ftsealed", "latin1");
const HEADER_BYTES = 16;
const FOOTER_BYTES = 16;

/** One independent zstd frame of a sealed segment: whole records, packed as `block.ts` says. */
export interface Block {
  readonly offset: number;
  readonly length: number;
  readonly rawOffset: number;
  readonly rawLength: number;
  /** Frame number of its first record; 0 for a stretch that holds no readable record and is kept byte for byte. */
  readonly firstFrame: number;
}

/** A line of `sealed.jsonl`. */
export interface SealedSegment {
  readonly segment: number;
  readonly firstFrame: number;
  readonly lastFrame: number;
  readonly rawBytes: number;
  readonly sealedBytes: number;
  readonly sha256: string;
}

/**
 * Compresses raw segment `segment` of the journal in `dir`: independent zstd frames of about `BLOCK_BYTES` of records,
 * an index, durable before the rename. Reads and writes in pieces, so that it costs little memory beside the recorder.
 * The raw file is left. Throws on I/O errors.
 */
export function sealSegment(dir: string, segment: number): SealedSegment {
  const path = sealedPath(dir, segment);
  const temporary = `${path}.tmp`;
  const raw = openSync(rawPath(dir, segment), "r");
  try {
    const out = new SealedFile(temporary, segment);
    try {
      const { rawBytes, firstFrame, lastFrame } = packFile(raw, (block) => out.add(block));
      const { sealedBytes, sha256 } = out.finish();
      globalThis.gc?.();
      renameSync(temporary, path);
      return { segment, firstFrame, lastFrame, rawBytes, sealedBytes, sha256 };
    } finally {
      out.close();
    }
  } finally {
    closeSync(raw);
  }
}

/** A stretch of the raw file, ready for compression. */
interface RawBlock {
  readonly rawOffset: number;
  readonly rawLength: number;
  readonly firstFrame: number;
  readonly content: Buffer;
}

/** Reads a raw file window by window; each window's whole records are a block, what cannot be read one of its own. */
function packFile(
  fd: number,
  add: (block: RawBlock) => void,
): { readonly rawBytes: number; readonly firstFrame: number; readonly lastFrame: number } {
  let window = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  // Used again for every block: memory outside the heap is garbage for long before it is collected.
  const room = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let filled = 0;
  let offset = FILE_HEADER_BYTES;
  let first = 0;
  let last = 0;
  for (;;) {
    const count = readSync(fd, window, filled, window.length - filled, offset + filled);
    filled += count;
    if (count > 0 && filled < window.length) continue;
    let start = 0;
    let records = 0;
    let firstFrame = 0;
    const flush = (end: number): void => {
      if (end > start) {
        const content = records === 0 ? window.subarray(start, end) : packRecords(window, start, end, records, room);
        add({ rawOffset: offset + start, rawLength: end - start, firstFrame: records === 0 ? 0 : firstFrame, content });
      }
      start = end;
      records = 0;
    };
    const end = scanRecords(
      window,
      0,
      filled,
      ({ frame }) => {
        if (records++ === 0) firstFrame = frame;
        first ||= frame;
        last = frame;
      },
      (damage) => {
        flush(damage.from);
        flush(damage.to);
      },
    );
    flush(end);
    if (count === 0) flush(filled);
    else if (end === 0) {
      // A record larger than the window.
      window = Buffer.concat([window], window.length * 2);
      continue;
    }
    if (count === 0) return { rawBytes: offset + filled, firstFrame: first, lastFrame: last };
    window.copy(window, 0, end, filled);
    filled -= end;
    offset += end;
  }
}

/** A sealed file under way. */
class SealedFile {
  readonly #blocks: Block[] = [];
  readonly #hash = createHash("sha256");
  readonly #fd: number;
  #offset = 0;

  constructor(path: string, segment: number) {
    this.#fd = openSync(path, "w");
    const header = Buffer.alloc(HEADER_BYTES);
    MAGIC.copy(header);
    header.writeUInt32LE(FORMAT_VERSION, 8);
    header.writeUInt32LE(segment, 12);
    this.#write(header);
  }

  add({ content, ...block }: RawBlock): void {
    const packed = zstdCompressSync(content, {
      // Higher levels are slower and, with the columns of `block.ts`, larger: 20.4 bytes a frame of the KXBTC15M capture
      // against 20.8 at level 3, and 21.3 against 22.1 with 2,000 markets.
      params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 },
    });
    this.#blocks.push({ offset: this.#offset, length: packed.length, ...block });
    this.#write(packed);
    // What zlib leaves lies outside the heap, where V8 lets it pile up: 70 MB, measured over 3,000 blocks.
    if (this.#blocks.length % COLLECT_EVERY === 0) globalThis.gc?.();
  }

  finish(): { readonly sealedBytes: number; readonly sha256: string } {
    const index = Buffer.from(JSON.stringify(this.#blocks), "latin1");
    const footer = Buffer.alloc(FOOTER_BYTES);
    footer.writeUInt32LE(index.length, 0);
    footer.writeUInt32LE(crc32(index), 4);
    MAGIC.copy(footer, 8);
    this.#write(index);
    this.#write(footer);
    fsyncSync(this.#fd);
    return { sealedBytes: this.#offset, sha256: this.#hash.digest("hex") };
  }

  #write(bytes: Buffer): void {
    for (let written = 0; written < bytes.length;) written += writeSync(this.#fd, bytes, written);
    this.#hash.update(bytes);
    this.#offset += bytes.length;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Reads the index of a sealed file. Throws `StorageError` when it is damaged. */
export function readIndex(sealed: Buffer, path: string): readonly Block[] {
  const footer = sealed.subarray(sealed.length - FOOTER_BYTES);
  if (sealed.length < HEADER_BYTES + FOOTER_BYTES || !footer.subarray(8).equals(MAGIC)) {
    throw new StorageError(`${path} is no sealed segment, or its end is missing`, { context: { path } });
  }
  const length = footer.readUInt32LE(0);
  const index = sealed.subarray(sealed.length - FOOTER_BYTES - length, sealed.length - FOOTER_BYTES);
  if (crc32(index) !== footer.readUInt32LE(4)) {
    throw new StorageError(`the index of ${path} is damaged`, { context: { path } });
  }
  return JSON.parse(index.toString("latin1")) as readonly Block[];
}

/** The file header and the first block of a sealed segment, unpacked. Throws `StorageError` when the index is damaged. */
export function unsealHead(path: string): Buffer {
  const fd = openSync(path, "r");
  try {
    const { size } = fstatSync(fd);
    const read = (offset: number, length: number): Buffer => {
      const bytes = Buffer.alloc(Math.max(0, length));
      return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, Math.max(0, offset)));
    };
    const footer = read(size - FOOTER_BYTES, FOOTER_BYTES);
    const length = footer.length === FOOTER_BYTES ? Math.min(footer.readUInt32LE(0), size) : 0;
    const tail = read(size - FOOTER_BYTES - length, length + FOOTER_BYTES);
    const [first] = readIndex(Buffer.concat([Buffer.alloc(HEADER_BYTES), tail]), path);
    const header = encodeFileHeader(read(12, 4).readUInt32LE(0));
    if (first === undefined || first.firstFrame === 0) return header;
    try {
      return Buffer.concat([header, unpackRecords(zstdDecompressSync(read(first.offset, first.length)))]);
    } catch {
      // zstd's checksum failed: there is no readable first record.
      return header;
    }
  } finally {
    closeSync(fd);
  }
}

/**
 * Unpacks a sealed segment to its raw bytes. A damaged block becomes zeros, which no reader takes for a record, and is
 * reported. Throws `StorageError` when the index is damaged.
 */
export function unsealSegment(path: string, damaged?: (damage: Damage) => void): Buffer {
  const sealed = readFileSync(path);
  const blocks = readIndex(sealed, path);
  const last = blocks.at(-1);
  const raw = Buffer.alloc(last === undefined ? FILE_HEADER_BYTES : last.rawOffset + last.rawLength);
  encodeFileHeader(sealed.readUInt32LE(12)).copy(raw);
  for (const block of blocks) {
    try {
      const packed = zstdDecompressSync(sealed.subarray(block.offset, block.offset + block.length));
      (block.firstFrame === 0 ? packed : unpackRecords(packed)).copy(raw, block.rawOffset);
    } catch {
      // zstd's checksum failed, so every record of the block is lost, and none outside it.
      damaged?.({ from: block.rawOffset, to: block.rawOffset + block.rawLength });
    }
  }
  return raw;
}
