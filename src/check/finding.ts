/** What one check found: a line for the user. */
export interface Finding {
  readonly check: "configuration" | "keys" | "clock" | "venue" | "listener" | "storage" | "sink";
  /** `warn`: recording works, but the user should know. */
  readonly status: "ok" | "warn" | "fail";
  readonly detail: string;
  /** What to do next; with every failure. */
  readonly hint?: string;
}
