import type { KeyObject } from "node:crypto";
import type { Probe } from "../venue.ts";
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
