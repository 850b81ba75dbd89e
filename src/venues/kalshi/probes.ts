import type { KeyObject } from "node:crypto";
import { isObject } from "../planned-discovery.ts";
import type { Advice, Probe } from "../venue.ts";
import { signedHeaders } from "./auth.ts";

/** What `check` asks: the exchange's status, open to all, and with a key what only its owner may know. */
export function kalshiProbes(rest: string, signer: { readonly id: string; readonly key: KeyObject } | null): Probe[] {
  const base = rest.replace(/\/+$/, "");
  const open: Probe = { proves: "REST", url: `${base}/exchange/status`, headers: () => ({}) };
  if (signer === null) return [open];
  const limits = `${base}/account/limits`;
  const { pathname } = new URL(limits);
  const headers = (now: number) => signedHeaders(signer.id, signer.key, Math.floor(now / 1000), "GET", pathname);
  return [open, { proves: "key", url: limits, headers }];
}

/** What Kalshi's 401 bodies mean (demo, June 2026; shapes as in the stored answers `auth__*`). */
export function explainRefusal(status: number, body: string): Advice | null {
  if (status !== 401 && status !== 403) return null;
  const { code, details } = errorOf(body);
  if (code === "header_timestamp_expired") {
    return {
      problem: "the time of our signature is not the venue's: a clock is off",
      hint: "set this machine's clock, for example: timedatectl set-ntp true",
    };
  }
  if (details === "NOT_FOUND") {
    return {
      problem: "the key id is not known",
      hint: "check venues.kalshi.key_id, and that key and venues.kalshi.env (prod, demo) belong together",
    };
  }
  if (details === "INCORRECT_API_KEY_SIGNATURE") {
    return {
      problem: "the key id is known, but the signature is wrong: the private key is another's",
      hint: "check that venues.kalshi.private_key_path is the key that was made together with this key id",
    };
  }
  return {
    problem: `our key is refused with HTTP ${status}`,
    hint: "check venues.kalshi.key_id and private_key_path, and the key's state on Kalshi's account page",
  };
}

function errorOf(body: string): { readonly code?: unknown; readonly details?: unknown } {
  try {
    const answer: unknown = JSON.parse(body);
    if (!isObject(answer)) return {};
    return isObject(answer["error"]) ? answer["error"] : answer;
  } catch {
    // A page of HTML, or nothing: the status is all that is known.
    return {};
  }
}
