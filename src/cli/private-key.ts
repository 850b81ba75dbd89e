import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { messageOf, UsageError } from "../ops/errors.ts";
import type { KalshiConfig } from "../venues/kalshi/config.ts";

/** What group and others may do. */
const OTHERS = 0o077;

/**
 * Puts the text of the key file in place of its path. Throws `UsageError` where the file cannot be read, and where it
 * can be by others than its owner.
 */
export function withPrivateKey(kalshi: KalshiConfig): KalshiConfig {
  const { private_key_path: path, private_key: text, ...rest } = kalshi;
  if (text !== undefined) return { ...rest, private_key: text };
  if (path === undefined) return rest;
  return { ...rest, private_key: readKeyFile(path, kalshi.private_key_mode === "private") };
}

/** What is looked at is what is read: the file is opened once. */
function readKeyFile(path: string, mustBePrivate: boolean): string {
  let fd: number | null = null;
  try {
    fd = openSync(path, "r");
    // Windows has no such modes.
    const mode = process.platform === "win32" ? 0 : fstatSync(fd).mode & 0o777;
    if (mustBePrivate && (mode & OTHERS) !== 0) {
      throw new UsageError(
        `the Kalshi private key ${path} is open to others than its owner (mode ${mode.toString(8)})`,
        {
          hint: `chmod 600 ${shellWord(path)}   (a mounted secret whose mode is not yours to choose: venues.kalshi.private_key_mode: any)`,
        },
      );
    }
    return readFileSync(fd, "utf8");
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`cannot read the Kalshi private key: ${messageOf(cause)}`, {
      cause,
      hint: "check venues.kalshi.private_key_path",
    });
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
