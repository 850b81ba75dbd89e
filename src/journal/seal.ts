import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { createHash } from "node:crypto";
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { StorageError } from "../ops/errors.ts";
import { blankRecord, decodeRecord, FILE_HEADER_BYTES, FORMAT_VERSION } from "./codec.ts";
import type { Damage } from "./codec.ts";
import { rawPath, sealedPath } from "./layout.ts";

/** Uncompressed bytes of one block: what one flipped bit costs at most. */
export const BLOCK_BYTES: number = 256 * 1024;
const MAGIC = Buffer.from("ftsealed", "latin1");
const HEADER_BYTES = 16;
const FOOTER_BYTES = 16;

/** One independent zstd frame of a sealed segment. Its content is whole records (and the file header in the first). */
export interface Block {
  readonly offset: number;
  readonly length: number;
  readonly rawOffset: number;
  readonly rawLength: number;
  /** Frame number of its first record; 0 for damage. */
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

/** Cuts raw bytes at record boundaries into blocks of about `BLOCK_BYTES`. */
function cut(raw: Buffer): { start: number; end: number; firstFrame: number }[] {
  const blocks: { start: number; end: number; firstFrame: number }[] = [];
  const record = blankRecord();
  let start = 0;
  let firstFrame = 0;
  let at = FILE_HEADER_BYTES;
  while (at < raw.length) {
    const next = decodeRecord(raw, at, raw.length, record);
    // What cannot be read is kept as it is, in blocks of its own size.
    const end = next > 0 ? next : raw.length;
    if (end - start > BLOCK_BYTES && at > start) {
      blocks.push({ start, end: at, firstFrame });
      start = at;
      firstFrame = 0;
    }
    if (next > 0 && firstFrame === 0) firstFrame = record.frame;
    at = end;
  }
  if (raw.length > start) blocks.push({ start, end: raw.length, firstFrame });
  return blocks;
}

/**
 * Compresses raw segment `segment` of the journal in `dir`: independent zstd frames, an index, durable before the
 * rename. The raw file is left. Throws on I/O errors.
 */
export function sealSegment(dir: string, segment: number): SealedSegment {
  const raw = readFileSync(rawPath(dir, segment));
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(FORMAT_VERSION, 8);
  header.writeUInt32LE(segment, 12);
  const parts: Buffer[] = [header];
  const blocks: Block[] = [];
  let offset = HEADER_BYTES;
  for (const { start, end, firstFrame } of cut(raw)) {
    const packed = zstdCompressSync(raw.subarray(start, end), {
      params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 },
    });
    blocks.push({ offset, length: packed.length, rawOffset: start, rawLength: end - start, firstFrame });
    parts.push(packed);
    offset += packed.length;
  }
  const index = Buffer.from(JSON.stringify(blocks), "latin1");
  const footer = Buffer.alloc(FOOTER_BYTES);
  footer.writeUInt32LE(index.length, 0);
  footer.writeUInt32LE(crc32(index), 4);
  MAGIC.copy(footer, 8);
  parts.push(index, footer);
  const bytes = Buffer.concat(parts);
  const path = sealedPath(dir, segment);
  const temporary = `${path}.tmp`;
  const fd = openSync(temporary, "w");
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
  const frames = blocks.filter((block) => block.firstFrame > 0);
  const lastBlock = blocks.at(-1);
  return {
    segment,
    firstFrame: frames[0]?.firstFrame ?? 0,
    lastFrame: lastBlock === undefined ? 0 : lastFrameIn(raw, lastBlock),
    rawBytes: raw.length,
    sealedBytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  };
}

function lastFrameIn(raw: Buffer, block: Block): number {
  const record = blankRecord();
  let at = Math.max(block.rawOffset, FILE_HEADER_BYTES);
  let last = 0;
  for (;;) {
    const next = decodeRecord(raw, at, raw.length, record);
    if (next < 0) return last;
    last = record.frame;
    at = next;
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

/**
 * Unpacks a sealed segment to its raw bytes. A damaged block becomes zeros, which no reader takes for a record, and is
 * reported. Throws `StorageError` when the index is damaged.
 */
export function unsealSegment(path: string, damaged?: (damage: Damage) => void): Buffer {
  const sealed = readFileSync(path);
  const blocks = readIndex(sealed, path);
  const last = blocks.at(-1);
  const raw = Buffer.alloc(last === undefined ? 0 : last.rawOffset + last.rawLength);
  for (const block of blocks) {
    try {
      zstdDecompressSync(sealed.subarray(block.offset, block.offset + block.length)).copy(raw, block.rawOffset);
    } catch {
      damaged?.({ from: block.rawOffset, to: block.rawOffset + block.rawLength });
    }
  }
  return raw;
}
