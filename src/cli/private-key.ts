import { readFileSync } from "node:fs";
import { messageOf, UsageError } from "../ops/errors.ts";
import type { KalshiConfig } from "../venues/kalshi/config.ts";

/** Puts the text of the key file in place of its path. Throws `UsageError` where the file cannot be read. */
export function withPrivateKey(kalshi: KalshiConfig): KalshiConfig {
  const { private_key_path: path, private_key: text, ...rest } = kalshi;
  if (text !== undefined) return { ...rest, private_key: text };
  if (path === undefined) return rest;
  try {
    return { ...rest, private_key: readFileSync(path, "utf8") };
  } catch (cause) {
    throw new UsageError(`cannot read the Kalshi private key: ${messageOf(cause)}`, {
      cause,
      hint: "check venues.kalshi.private_key_path",
    });
  }
}
