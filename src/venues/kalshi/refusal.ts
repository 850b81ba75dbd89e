import type { Refusal } from "../venue.ts";

/**
 * Why Kalshi refused a handshake, from the body of its 401 (demo, June 2026: `header_timestamp_expired`;
 * `authentication_error` with details `NOT_FOUND` or `INCORRECT_API_KEY_SIGNATURE`; three codes for missing headers).
 * Null for every other status: that is no matter of keys.
 */
export function kalshiRefusal(status: number, body: string): Refusal | null {
  if (status !== 401 && status !== 403) return null;
  const { code, details } = errorOf(body);
  if (code === "header_timestamp_expired") {
    return { kind: "clock", code, message: "Kalshi says that the signature's time is not its own" };
  }
  if (details === "NOT_FOUND") {
    const message =
      "Kalshi does not know this key id: check venues.kalshi.key_id, and that key and env (prod, demo) agree";
    return { kind: "key", code: details, message };
  }
  if (details === "INCORRECT_API_KEY_SIGNATURE") {
    return {
      kind: "signature",
      code: details,
      message:
        "Kalshi knows the key id, but the private key does not belong to it: check venues.kalshi.private_key_path",
    };
  }
  if (code?.endsWith("_missing_from_headers") === true) {
    return {
      kind: "key",
      code,
      message: "Kalshi wants a signed handshake: set venues.kalshi.key_id and private_key_path",
    };
  }
  return { kind: "other", code: code ?? null, message: `Kalshi refuses our key with HTTP ${status}` };
}

function errorOf(body: string): { readonly code?: string; readonly details?: string } {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    // A page of HTML, or nothing: then the status is all that is known.
    return {};
  }
  const outer = answer as { error?: unknown } | null;
  const error = (outer?.error ?? outer) as Record<string, unknown> | null;
  const text = (value: unknown) => (typeof value === "string" ? value.slice(0, 100) : undefined);
  const code = text(error?.["code"]);
  const details = text(error?.["details"]);
  return { ...(code === undefined ? {} : { code }), ...(details === undefined ? {} : { details }) };
}
