import type { KeyObject } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { signingText, verifyText } from "../venues/kalshi/auth.ts";

/** How old or how far ahead a signature's time may be: the venue's window is not symmetric (demo, June 2026). */
const OLDEST_MS = 10_000;
const NEWEST_MS = 30_000;

const failure = (code: string, message: string, details?: string) => ({
  error: { code, message, ...(details !== undefined && { details }) },
});

/** The answer to a known key with a signature that another key made. */
export const WRONG_SIGNATURE = failure("authentication_error", "authentication_error", "INCORRECT_API_KEY_SIGNATURE");

/** Checks the three headers of a signed request as Kalshi does; null where they are good, else the body of the 401. */
export function refusal(
  keys: ReadonlyMap<string, KeyObject>,
  headers: IncomingHttpHeaders,
  method: string,
  path: string,
  nowMs: number,
): object | null {
  const header = (name: string) => {
    const value = headers[name];
    return typeof value === "string" && value !== "" ? value : null;
  };
  const signature = header("kalshi-access-signature");
  const timestamp = header("kalshi-access-timestamp");
  const keyId = header("kalshi-access-key");
  if (keyId === null) return failure("api_key_is_missing_from_headers", "api key is missing from headers");
  if (signature === null) return failure("signature_is_missing_from_headers", "signature is missing from headers");
  if (timestamp === null) return failure("timestamp_is_missing_from_headers", "timestamp is missing from headers");
  const age = nowMs - Number(timestamp);
  if (!(age <= OLDEST_MS && age >= -NEWEST_MS)) return failure("header_timestamp_expired", "header timestamp expired");
  const key = keys.get(keyId);
  if (key === undefined) return failure("authentication_error", "authentication_error", "NOT_FOUND");
  if (verifyText(key, signingText(timestamp, method, path), signature)) return null;
  return WRONG_SIGNATURE;
}
