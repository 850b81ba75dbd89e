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
    return {
      kind: "clock",
      code,
      message: "the time of our signature is not the venue's: a clock is off",
      hint: "set this machine's clock, for example: timedatectl set-ntp true",
    };
  }
  if (details === "NOT_FOUND") {
    return {
      kind: "key",
      code: details,
      message: "the key id is not known",
      hint: "check venues.kalshi.key_id, and that key and venues.kalshi.env (prod, demo) belong together",
    };
  }
  if (details === "INCORRECT_API_KEY_SIGNATURE") {
    return {
      kind: "signature",
      code: details,
      message: "the key id is known, but the signature is wrong: the private key is another's",
      hint: "check that venues.kalshi.private_key_path is the key that was made together with this key id",
    };
  }
  if (code?.endsWith("_missing_from_headers") === true) {
    return {
      kind: "key",
      code,
      message: "Kalshi wants a signed handshake",
      hint: "set venues.kalshi.key_id and private_key_path",
    };
  }
  return {
    kind: "other",
    code: code ?? null,
    message: `our key is refused with HTTP ${status}`,
    hint: "check venues.kalshi.key_id and private_key_path, and the key's state on Kalshi's account page",
  };
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
