import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { createHash } from "node:crypto";
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { StorageError } from "../ops/errors.ts";
import { packRecords, unpackRecords } from "./block.ts";
import { type Damage, encodeFileHeader, FILE_HEADER_BYTES, FORMAT_VERSION, scanRecords } from "./codec.ts";
import { rawPath, sealedPath } from "./layout.ts";

/** Uncompressed bytes of one block: what one flipped bit costs at most. */
export const BLOCK_BYTES: number = 256 * 1024;
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

/** Cuts raw bytes at record boundaries into blocks of about `BLOCK_BYTES`; what cannot be read is a block of its own. */
function cut(raw: Buffer): { start: number; end: number; firstFrame: number }[] {
  const blocks: { start: number; end: number; firstFrame: number }[] = [];
  let start = FILE_HEADER_BYTES;
  let firstFrame = 0;
  const flush = (end: number): void => {
    if (end > start) blocks.push({ start, end, firstFrame });
    start = end;
    firstFrame = 0;
  };
  const end = scanRecords(
    raw,
    FILE_HEADER_BYTES,
    raw.length,
    (record, at, next) => {
      if (next - start > BLOCK_BYTES) flush(at);
      if (firstFrame === 0) firstFrame = record.frame;
    },
    (damage) => {
      flush(damage.from);
      flush(damage.to);
    },
  );
  flush(end);
  flush(raw.length);
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
    const packed = zstdCompressSync(firstFrame === 0 ? raw.subarray(start, end) : packRecords(raw, start, end), {
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
  return {
    segment,
    ...frameRange(raw),
    rawBytes: raw.length,
    sealedBytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  };
}

function frameRange(raw: Buffer): { readonly firstFrame: number; readonly lastFrame: number } {
  let firstFrame = 0;
  let lastFrame = 0;
  scanRecords(raw, FILE_HEADER_BYTES, raw.length, ({ frame }) => {
    firstFrame ||= frame;
    lastFrame = frame;
  });
  return { firstFrame, lastFrame };
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
