import { createReadStream, openSync, readSync, closeSync, fstatSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { PassThrough, type Transform } from "node:stream";
import { MAX_PAYLOAD_BYTES } from "../journal/codec.ts";
import { messageOf, StorageError, UsageError } from "../ops/errors.ts";
import { JsonScanner } from "./json-scanner.ts";

/** One JSON value of a capture, or (with `json` false) a line that is none. Buffers are views: copy what is kept. */
export interface CaptureValue {
  readonly bytes: Buffer;
  readonly json: boolean;
  /** First byte of the value; where its members lie (see `JsonScanner`); whether it has white space between tokens. */
  readonly first: number;
  readonly members: readonly number[];
  readonly spaced: boolean;
  /** It was written over several lines. */
  readonly lines: number;
}

export interface ReadCapture {
  /** Takes each value in order. */
  readonly visit: (value: CaptureValue) => void;
  /** Called after each piece of the file, decompressed, with the bytes of the file read so far. */
  readonly turn: (piece: Buffer, fileBytes: number) => void | Promise<void>;
  readonly signal: AbortSignal;
}

/** Size of a file in bytes. Throws `UsageError` where it cannot be read. */
export function sizeOf(path: string): number {
  return withFile(path, (fd) => fstatSync(fd).size);
}

/**
 * Reads a file of JSON values: one a line, or written over several lines. gzip and zstd are recognised by their first
 * bytes. Memory is bounded by the longest value, at most 64 MiB. Throws `UsageError` for a file that cannot be opened,
 * `StorageError` for one that is cut off or damaged.
 */
export async function readCapture(path: string, { visit, turn, signal }: ReadCapture): Promise<void> {
  const unpack = decompressor(path);
  const file = createReadStream(path, { highWaterMark: 256 * 1024 });
  const lines = new Lines(path, visit);
  try {
    await pipeline(
      file,
      unpack,
      async (pieces: AsyncIterable<Buffer>) => {
        for await (const piece of pieces) {
          lines.push(piece);
          await turn(piece, file.bytesRead);
        }
        lines.end();
      },
      { signal },
    );
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (/^(Z_|ZSTD_|ERR_ZLIB)/.test(code)) {
      throw new StorageError(`${path} is cut off or damaged: ${messageOf(error)}`, { cause: error });
    }
    throw error;
  }
}

function decompressor(path: string): Transform {
  const magic = withFile(path, (fd) => {
    const head = Buffer.alloc(4);
    return head.subarray(0, readSync(fd, head, 0, 4, 0)).toString("hex");
  });
  if (magic.startsWith("1f8b")) return createGunzip();
  if (magic === "28b52ffd") return createZstdDecompress();
  return new PassThrough();
}

function withFile<T>(path: string, read: (fd: number) => T): T {
  let fd: number;
  try {
    fd = openSync(path, "r");
    if (!fstatSync(fd).isDirectory()) {
      try {
        return read(fd);
      } finally {
        closeSync(fd);
      }
    }
    closeSync(fd);
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  throw new UsageError(`cannot read ${path}: it is a directory`);
}

/** Cuts pieces into lines and lines into values. */
class Lines {
  readonly #path: string;
  readonly #visit: (value: CaptureValue) => void;
  readonly #scanner = new JsonScanner();
  /** The beginning of a line whose end has not come. */
  #carry: Buffer[] = [];
  #carried = 0;
  /** Lines of a value that goes on. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #first = true;

  constructor(path: string, visit: (value: CaptureValue) => void) {
    this.#path = path;
    this.#visit = visit;
  }

  push(piece: Buffer): void {
    let start = 0;
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, start)) {
      const rest = piece.subarray(start, end);
      start = end + 1;
      if (this.#carried === 0) this.#line(rest);
      else {
        const whole = Buffer.concat([...this.#carry, rest]);
        this.#carry = [];
        this.#carried = 0;
        this.#line(whole);
      }
    }
    if (start === piece.length) return;
    this.#carry.push(piece.subarray(start));
    this.#carried += piece.length - start;
    if (this.#carried > MAX_PAYLOAD_BYTES) {
      throw new StorageError(`${this.#path} has a line of more than 64 MiB, which no venue sends as one frame`);
    }
  }

  end(): void {
    if (this.#carried > 0) this.#line(Buffer.concat(this.#carry));
    this.#giveUp();
  }

  #line(whole: Buffer): void {
    let line = whole.at(-1) === 13 ? whole.subarray(0, -1) : whole;
    if (this.#first && line.subarray(0, 3).equals(BYTE_ORDER_MARK)) line = line.subarray(3);
    this.#first = false;
    if (isBlank(line)) return;
    const scanner = this.#scanner;
    if (this.#pending.length === 0) scanner.reset();
    const verdict = scanner.scan(line);
    if (this.#pending.length === 0 && verdict !== "open") return this.#give(line, verdict === "whole", 1);
    this.#pending.push(Buffer.from(line));
    this.#pendingBytes += line.length;
    if (verdict === "whole") {
      const lines = this.#pending.length;
      const bytes = Buffer.concat(this.#pending);
      this.#pending = [];
      this.#pendingBytes = 0;
      this.#give(bytes, true, lines);
    } else if (verdict === "wrong" || this.#pendingBytes > MAX_PAYLOAD_BYTES) this.#giveUp();
  }

  /** The lines kept together are no value: each stands for itself. */
  #giveUp(): void {
    const lines = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    for (const line of lines) {
      this.#scanner.reset();
      this.#give(line, this.#scanner.scan(line) === "whole", 1);
    }
  }

  #give(bytes: Buffer, json: boolean, lines: number): void {
    const { first, members, spaced } = this.#scanner;
    this.#visit({ bytes, json, first, members, spaced, lines });
  }
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

function isBlank(line: Buffer): boolean {
  for (const c of line) if (c !== 0x20 && c !== 0x09 && c !== 0x0d) return false;
  return true;
}
