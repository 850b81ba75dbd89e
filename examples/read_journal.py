#!/usr/bin/env python3
"""Prints the records of one segment of a Foretape journal, raw (.raw) or sealed (.seal), as JSON lines.

    python3 examples/read_journal.py tape/journal/main/0000000001.raw

Written from docs/journal-format.md alone, with Python's standard library. A sealed segment is compressed with zstd:
Python 3.14 has it (compression.zstd), with an older Python the zstd command-line tool is used.
"""

import json
import struct
import subprocess
import sys
import zlib

KINDS = {1: "preamble", 2: "received", 3: "sent", 4: "http", 5: "config", 6: "tick", 7: "clockStep",
         8: "decision", 9: "connected", 10: "closed", 11: "started"}
HEADER = struct.Struct("<IIBBHIQIIII")  # length, crc, kind, flags, 0, epoch, frame, wall s + ns, monotonic s + ns
PLANES = (4, 1, 1, 4, 4, 4, 4, 4, 4)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    if data[:8] == b"foretape":
        records = raw_records(data, 16)
    elif data[:8] == b"ftsealed":
        records = sealed_records(data)
    else:
        sys.exit(f"{sys.argv[1]} is no segment of a Foretape journal")
    version, segment = struct.unpack_from("<II", data, 8)
    if version != 1:
        sys.exit(f"{sys.argv[1]} has format {version}; this reader knows format 1")
    for frame, kind, epoch, wall_ns, mono_ns, payload in records:
        # latin-1 keeps every byte, whatever a venue sent.
        print(json.dumps({"segment": segment, "frame": frame, "kind": KINDS.get(kind, kind), "epoch": epoch,
                          "wall_ns": wall_ns, "mono_ns": mono_ns, "payload": payload.decode("latin-1")}))


def raw_records(data, at):
    """Records one after another; stops at a torn end, skips damage byte by byte until a CRC is right again."""
    while at + HEADER.size <= len(data):
        length, crc, kind, flags, zero, epoch, frame, wall_s, wall_n, mono_s, mono_n = HEADER.unpack_from(data, at)
        end = at + HEADER.size + length
        if kind not in KINDS or zero != 0 or flags > 1 or end > len(data) or zlib.crc32(data[at + 8:end]) != crc:
            at += 1
            continue
        wall = None if flags == 1 else wall_s * 10**9 + wall_n
        yield frame, kind, epoch, wall, mono_s * 10**9 + mono_n, data[at + HEADER.size:end]
        at = end


def sealed_records(data):
    """The blocks that the index at the end names; each is a zstd frame of its own."""
    index_length, index_crc, magic = struct.unpack("<II8s", data[-16:])
    index = data[-16 - index_length:-16]
    if magic != b"ftsealed" or zlib.crc32(index) != index_crc:
        sys.exit("the index of the sealed segment is damaged")
    for block in json.loads(index):
        content = decompress(data[block["offset"]:block["offset"] + block["length"]])
        if content is None:
            print(f"the block with frame {block['firstFrame']} is damaged", file=sys.stderr)
        elif block["firstFrame"] > 0:  # 0: bytes that held no readable record, kept as they were
            yield from block_records(content)


def block_records(content):
    """Headers by the column, as byte planes and steps modulo 2^32, then the payloads."""
    count, _, frame, wall_s, wall_n, mono_s, mono_n = struct.unpack_from("<IIQIIII", content)
    columns, at = [], 32
    for width in PLANES:
        planes = [content[at + byte * count:at + (byte + 1) * count] for byte in range(width)]
        columns.append([sum(plane[i] << (8 * byte) for byte, plane in enumerate(planes)) for i in range(count)])
        at += width * count
    for length, kind, flags, epoch, step, seconds, nanos, mono_seconds, mono_nanos in zip(*columns):
        frame += step
        wall_s, wall_n = wall_s + seconds & 0xFFFFFFFF, wall_n + nanos & 0xFFFFFFFF
        mono_s = mono_s + seconds + mono_seconds & 0xFFFFFFFF
        mono_n = mono_n + nanos + mono_nanos & 0xFFFFFFFF
        wall = None if flags == 1 else wall_s * 10**9 + wall_n
        yield frame, kind, epoch, wall, mono_s * 10**9 + mono_n, content[at:at + length]
        at += length


def decompress(frame):
    """The content of a zstd frame; None where it is damaged."""
    try:
        from compression import zstd
    except ImportError:
        try:
            found = subprocess.run(["zstd", "-dcq"], input=frame, capture_output=True, check=False)
        except FileNotFoundError:
            sys.exit("a sealed segment needs Python 3.14 or the zstd command-line tool")
        return found.stdout if found.returncode == 0 else None
    try:
        return zstd.decompress(frame)
    except zstd.ZstdError:
        return None


try:
    main()
except BrokenPipeError:
    sys.stderr.close()
