import type { Disk } from "./disk.ts";
import { encodeFileHeader } from "./codec.ts";
import { rawPath } from "./layout.ts";

/** The raw file that is being written; made with the first bytes, so that a disk that is full delays only them. */
export class OpenSegment {
  readonly segment: number;
  readonly path: string;
  /** When it ends at the latest, in milliseconds since 1970. */
  readonly ends: number;
  readonly #disk: Disk;
  #fd = -1;
  #offset = 0;

  constructor(disk: Disk, dir: string, segment: number, ends: number) {
    this.#disk = disk;
    this.segment = segment;
    this.path = rawPath(dir, segment);
    this.ends = ends;
  }

  /** The file's descriptor, -1 before the first bytes. */
  get fd(): number {
    return this.#fd;
  }

  /** Bytes in the file. */
  get offset(): number {
    return this.#offset;
  }

  /** Writes at the end and returns how many bytes it took. Throws as `node:fs` does; what was taken stays taken. */
  write(buffer: Buffer, from: number, length: number): number {
    if (this.#offset === 0) this.#create();
    const count = this.#disk.write(this.#fd, buffer, from, length, this.#offset);
    this.#offset += count;
    return count;
  }

  #create(): void {
    if (this.#fd < 0) this.#fd = this.#disk.create(this.path);
    const header = encodeFileHeader(this.segment);
    for (let at = 0; at < header.length;) at += this.#disk.write(this.#fd, header, at, header.length - at, at);
    this.#offset = header.length;
  }

  /** Closes the file, if it was made. */
  close(): void {
    if (this.#fd >= 0) this.#disk.close(this.#fd);
    this.#fd = -1;
  }
}
