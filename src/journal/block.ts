import { encodeRecord, RECORD_HEADER_BYTES, type Stamp } from "./codec.ts";
import type { Kind } from "./record.ts";

/**
 * The content of one block of a sealed segment, before zstd. Record headers are kept by the column, as differences and
 * split into byte planes, because interleaved with the payloads their clocks and CRCs double the size (measured on the
 * KXBTC15M capture: 28.5 bytes a frame as they are, 21 in this form). CRCs are left out and computed again; zstd's own
 * checksum guards the block. `docs/journal-format.md` has the layout.
 */
const TWO_32 = 0x1_0000_0000;
/** Count, payload bytes, and the first record's frame (low, high), wall and monotonic seconds and nanoseconds. */
const HEAD_BYTES = 32;
/**
 * Bytes of the columns of one record: length 4, kind 1, flags 1, epoch 4, and as steps from the record before, modulo
 * 2^32: frame 4, wall seconds 4, wall nanoseconds 4, monotonic seconds 4 and nanoseconds 4 less the wall clock's steps.
 */
const PLANES = 30;

/**
 * Packs `raw[start, end)`: `count` whole records that were checked. The result lies in `room` where that is large
 * enough: the head of a block and the raw bytes always are.
 */
export function packRecords(
  raw: Buffer,
  start: number,
  end: number,
  count: number,
  room: Buffer = Buffer.alloc(0),
): Buffer {
  const payloadBytes = end - start - count * RECORD_HEADER_BYTES;
  const size = HEAD_BYTES + count * PLANES + payloadBytes;
  const packed = size <= room.length ? room.subarray(0, size) : Buffer.allocUnsafeSlow(size);
  packed.writeUInt32LE(count, 0);
  packed.writeUInt32LE(payloadBytes, 4);
  // Bytes 16…40 of a header are the frame number and the two clocks, in the order in which the block's head has them.
  raw.copy(packed, 8, start + 16, start + RECORD_HEADER_BYTES);
  let payloadAt = HEAD_BYTES + count * PLANES;
  let frame = wideAt(raw, start + 16);
  let wallSeconds = raw.readUInt32LE(start + 24);
  let wall = raw.readUInt32LE(start + 28);
  let monoSeconds = raw.readUInt32LE(start + 32);
  let mono = raw.readUInt32LE(start + 36);
  let i = 0;
  for (let at = start; at < end; i++) {
    const length = raw.readUInt32LE(at);
    const thisFrame = wideAt(raw, at + 16);
    // A record without a receive time (flag) keeps the clock where it was: the way from zero is too long for a step.
    const unknown = raw[at + 9] === 1;
    const nextWallSeconds = unknown ? wallSeconds : raw.readUInt32LE(at + 24);
    const nextWall = unknown ? wall : raw.readUInt32LE(at + 28);
    const nextMonoSeconds = raw.readUInt32LE(at + 32);
    const nextMono = raw.readUInt32LE(at + 36);
    const seconds = nextWallSeconds - wallSeconds;
    const nanos = nextWall - wall;
    let plane = HEAD_BYTES;
    plane = putPlanes(packed, plane, count, i, length, 4);
    plane = putPlanes(packed, plane, count, i, raw[at + 8]!, 1);
    plane = putPlanes(packed, plane, count, i, raw[at + 9]!, 1);
    plane = putPlanes(packed, plane, count, i, raw.readUInt32LE(at + 12), 4);
    plane = putPlanes(packed, plane, count, i, thisFrame - frame, 4);
    plane = putPlanes(packed, plane, count, i, seconds, 4);
    plane = putPlanes(packed, plane, count, i, nanos, 4);
    plane = putPlanes(packed, plane, count, i, nextMonoSeconds - monoSeconds - seconds, 4);
    putPlanes(packed, plane, count, i, nextMono - mono - nanos, 4);
    frame = thisFrame;
    wallSeconds = nextWallSeconds;
    wall = nextWall;
    monoSeconds = nextMonoSeconds;
    mono = nextMono;
    const payload = at + RECORD_HEADER_BYTES;
    raw.copy(packed, payloadAt, payload, payload + length);
    payloadAt += length;
    at = payload + length;
  }
  return packed;
}

/** Writes `value` (unsigned, or 32-bit two's complement) as `width` byte planes of `count` bytes each, at place `i`. */
function putPlanes(target: Buffer, plane: number, count: number, i: number, value: number, width: number): number {
  for (let byte = 0; byte < width; byte++) target[plane + byte * count + i] = (value >>> (8 * byte)) & 0xff;
  return plane + width * count;
}

/** Unpacks a block to the bytes of its records, CRCs computed again. */
export function unpackRecords(packed: Buffer): Buffer {
  const count = packed.readUInt32LE(0);
  const payloadBytes = packed.readUInt32LE(4);
  const raw = Buffer.allocUnsafeSlow(count * RECORD_HEADER_BYTES + payloadBytes);
  const view = new DataView(raw.buffer);
  const stamp: Stamp = {
    wallSeconds: null,
    wallNanos: 0,
    monoSeconds: packed.readUInt32LE(24),
    monoNanos: packed.readUInt32LE(28),
  };
  let payloadAt = HEAD_BYTES + count * PLANES;
  let frame = wideAt(packed, 8);
  let wallSeconds = packed.readUInt32LE(16);
  let wallNanos = packed.readUInt32LE(20);
  let at = 0;
  for (let i = 0; i < count; i++) {
    let plane = HEAD_BYTES;
    const length = narrow(packed, plane, count, i);
    plane += 4 * count;
    const kind = packed[plane + i]! as Kind;
    plane += count;
    const unknown = packed[plane + i] === 1;
    plane += count;
    const epoch = narrow(packed, plane, count, i);
    plane += 4 * count;
    frame += narrow(packed, plane, count, i);
    plane += 4 * count;
    const seconds = narrow(packed, plane, count, i);
    plane += 4 * count;
    const nanos = narrow(packed, plane, count, i);
    plane += 4 * count;
    wallSeconds = (wallSeconds + seconds) >>> 0;
    wallNanos = (wallNanos + nanos) >>> 0;
    stamp.wallSeconds = unknown ? null : wallSeconds;
    stamp.wallNanos = unknown ? 0 : wallNanos;
    stamp.monoSeconds = (stamp.monoSeconds + seconds + narrow(packed, plane, count, i)) >>> 0;
    plane += 4 * count;
    stamp.monoNanos = (stamp.monoNanos + nanos + narrow(packed, plane, count, i)) >>> 0;
    const payload = packed.subarray(payloadAt, payloadAt + length);
    payloadAt += length;
    at = encodeRecord(raw, at, view, frame, kind, epoch, stamp, payload);
  }
  return raw;
}

function wideAt(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at + 4) * TWO_32 + buffer.readUInt32LE(at);
}

/** The 32-bit value at place `i` of four byte planes. */
function narrow(packed: Buffer, plane: number, count: number, i: number): number {
  return (
    packed[plane + i]! +
    packed[plane + count + i]! * 0x100 +
    packed[plane + 2 * count + i]! * 0x1_0000 +
    packed[plane + 3 * count + i]! * 0x100_0000
  );
}
