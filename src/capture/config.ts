import { z } from "zod";
import { bytes, duration } from "../config/units.ts";

/** `record`: how the recorder keeps its connections. */
export const recordConfig = z
  .strictObject({
    stall_after: duration
      .default(45_000_000)
      .describe(
        "a connection without data for this long, also when asked for some, is made anew; keep-alive answers are no data",
      ),
    dead_after: duration
      .default(25_000_000)
      .describe("a connection on which nothing at all arrives for this long, no answer to a ping either, is dead"),
    reconnect_min: duration.default(1_000_000).describe("shortest wait before a connection or a request is made again"),
    reconnect_max: duration.default(60_000_000).describe("longest wait before a connection or a request is made again"),
    handshake_timeout: duration.default(10_000_000).describe("how long the opening of a connection may take"),
    http_timeout: duration.default(30_000_000).describe("how long one HTTP exchange may take"),
    compress: z
      .boolean()
      .default(false)
      .describe("offer permessage-deflate: less traffic, but some 60 µs of CPU a frame in place of 2"),
    max_unwritten: bytes
      .default(32 * 1024 * 1024)
      .describe("received but unwritten bytes beyond which the sockets are paused"),
  })
  .prefault({});

export type RecordConfig = z.infer<typeof recordConfig>;
