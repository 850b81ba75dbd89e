import { isUtf8 } from "node:buffer";
import type { Defect } from "./defect.ts";
import { isObject, type JsonObject } from "./fields.ts";

/** What a frame's bytes hold. */
export type Decoded =
  | { readonly frame: JsonObject; readonly defect: null }
  | { readonly frame: null; readonly defect: Defect };

/** Parses the text of a frame. Kalshi's frames are JSON objects that end with a newline (seen on the wire, 2026-06). */
export function decodeFrame(bytes: Buffer): Decoded {
  if (!isUtf8(bytes)) return { frame: null, defect: { reason: "invalid_utf8", detail: `${bytes.length} bytes` } };
  let frame: unknown;
  try {
    frame = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    const detail = error instanceof Error ? error.message.slice(0, 200) : "";
    return { frame: null, defect: { reason: "malformed_json", detail } };
  }
  if (isObject(frame)) return { frame, defect: null };
  return {
    frame: null,
    defect: { reason: "not_an_object", detail: `the frame is ${JSON.stringify(frame).slice(0, 100)}` },
  };
}
