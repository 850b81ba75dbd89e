import { once } from "node:events";

/** Ends quietly when the reader of our output has gone, as in `foretape query … | head`. Call once at start. */
export function endWhenReaderIsGone(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

/** Prints a line on stdout. */
export function out(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Prints a value as one line of JSON on stdout. A `bigint` becomes a number where it is exact, else text. */
export function outJson(value: unknown): void {
  out(JSON.stringify(value, (_key, each: unknown) => (typeof each === "bigint" ? exactNumber(each) : each)));
}

/** Writes text or bytes on stdout as they are, and waits where the reader is slower than we are. */
export async function writeOut(chunk: string | Uint8Array, signal?: AbortSignal): Promise<void> {
  if (!process.stdout.write(chunk)) await once(process.stdout, "drain", signal === undefined ? {} : { signal });
}

function exactNumber(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
