/** What the caller of a failed operation may do about it. */
export type Retry = "never" | { readonly afterMs?: number };

/**
 * The one error style: a short sentence that says what is wrong and where, what to do next, and the cause. Exit code
 * 2 is for wrong usage or configuration, 1 for a failed run.
 */
export class ForetapeError extends Error {
  override readonly name: string = "ForetapeError";
  readonly code: string;
  readonly exitCode: 1 | 2;
  readonly retry: Retry;
  /** Plain facts for the log: venue, market, file. Never a secret. */
  readonly context: Readonly<Record<string, unknown>>;
  /** What the user can do next, a sentence. */
  readonly hint: string | undefined;

  constructor(
    code: string,
    message: string,
    options: {
      cause?: unknown;
      hint?: string;
      exitCode?: 1 | 2;
      retry?: Retry;
      context?: Readonly<Record<string, unknown>>;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? 1;
    this.retry = options.retry ?? "never";
    this.context = options.context ?? {};
  }
}

/** Wrong usage or configuration: exit code 2. */
export class UsageError extends ForetapeError {
  override readonly name = "UsageError";

  constructor(
    message: string,
    options: { cause?: unknown; hint?: string; context?: Readonly<Record<string, unknown>> } = {},
  ) {
    super("usage", message, { ...options, exitCode: 2 });
  }
}

/** Something on disk is damaged, missing or not ours. Exit code 2 where it is newer than this program. */
export class StorageError extends ForetapeError {
  override readonly name = "StorageError";

  constructor(
    message: string,
    options: { cause?: unknown; hint?: string; exitCode?: 1 | 2; context?: Readonly<Record<string, unknown>> } = {},
  ) {
    super("storage", message, options);
  }
}

/** A request to a venue failed, or its answer cannot be used. */
export class FetchError extends ForetapeError {
  override readonly name = "FetchError";
  readonly status: number | null;

  constructor(
    message: string,
    options: {
      cause?: unknown;
      hint?: string;
      status?: number;
      retry?: Retry;
      context?: Readonly<Record<string, unknown>>;
    } = {},
  ) {
    super("fetch", message, options);
    this.status = options.status ?? null;
  }
}

/** The text of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
