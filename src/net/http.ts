import { FetchError, messageOf } from "../ops/errors.ts";

export interface HttpOptions {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  /** For the whole exchange, body included. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
  /** What `Retry-After` asks for (RFC 9110: seconds or a date), null where there is none. */
  readonly retryAfterMs: number | null;
}

/**
 * One HTTP exchange, whatever its status. Redirects are errors: no venue needs them, and one could lead anywhere.
 * Throws `FetchError` where no whole answer came, and the signal's reason where it was aborted. The URL in the error
 * is cut before its query, which may hold a key.
 */
export async function exchange(options: HttpOptions): Promise<HttpAnswer> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const where = options.url.split("?", 1)[0] ?? "";
  try {
    const response = await fetch(options.url, {
      method: options.method,
      headers: { accept: "application/json", ...options.headers },
      body: options.body ?? null,
      redirect: "error",
      signal: AbortSignal.any([options.signal, timeout]),
    });
    const body = await readBody(response, options.maxBytes);
    return {
      status: response.status,
      body,
      retryAfterMs: parseRetryAfter(response.headers.get("retry-after"), Date.now()),
    };
  } catch (error) {
    if (options.signal.aborted) throw options.signal.reason;
    if (error instanceof FetchError) throw error;
    const why = timeout.aborted ? `no answer within ${options.timeoutMs / 1000} s` : reasonOf(error);
    throw new FetchError(`${options.method} ${where} failed: ${why}`, {
      cause: error,
      retry: {},
      context: { url: where },
    });
  }
}

async function readBody(response: Response, maxBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.byteLength;
    if (size > maxBytes) {
      throw new FetchError(`the answer of ${response.url.split("?", 1)[0]} is larger than ${maxBytes} bytes`, {
        status: response.status,
      });
    }
    parts.push(part);
  }
  return Buffer.concat(parts, size);
}

/** fetch says only "fetch failed"; what really happened is its cause. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
}

/** Reads a `Retry-After` value: seconds, or an HTTP date. Null where it is absent or no such value. */
export function parseRetryAfter(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  if (/^\d+(\.\d+)?$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}
