import { messageOf, StorageError } from "../../ops/errors.ts";

/** The connection, not the statement, is the trouble: the same may succeed on a new one. */
export class ConnectionLostError extends StorageError {}

/** Codes of PostgreSQL ("SQLSTATE", its manual's appendix A) and of sockets after which a new connection is worth a try. */
const TRANSIENT =
  /^(08...|57P0[1235]|25P03|53300|40001|40P01|55P03|ECONN\w+|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/;

/** What to do about the errors that users really meet, by the beginning of the code. The longest that fits is taken. */
const HINTS: Readonly<Record<string, string>> = {
  "25006":
    "the database is read-only: a standby, or a project over its quota; the journal goes on, and this sink catches up when it can be written",
  "53100": "the server's disk is full; the journal goes on, and this sink catches up when there is room",
  "53300": "the server has no connection left; raise max_connections or use a session pooler",
  "55P03": "another session holds the lock; pg_stat_activity shows which",
  "57014": "the server took too long; look at its load and its locks",
  "57P03": "the server is starting up or shutting down",
  "28": "check user and password in the sink's url",
  "3D000": "create the database first, or check its name in the sink's url",
  "42501": "`foretape migrate` as the owner gives the rights; writing needs the role foretape_writer",
  "42P01": "run `foretape migrate`",
  "42P07": "the schema foretape holds tables of another program; give Foretape a database of its own",
  "22": "a value does not fit its column, which is a bug; the journal has it, and `foretape replay --into postgres` makes the rows with a version that mends it",
  "23505":
    "rows of these frames are there already, which the checkpoint denies: `foretape replay --into postgres` makes them again",
  "23514": "a partition was dropped or detached; it is made again at the next start",
  "23": "the tables were changed by hand; `foretape migrate` and `foretape replay --into postgres` make them again",
  "08": "check host and port in the sink's url, and that the server runs",
  ENOENT: "check the files that the sink's url names",
  E: "check host and port in the sink's url, and that the server runs",
};

/** An error of the client's or the server's as ours; `database` is where it happened, without a password. */
export function storageError(error: unknown, database: string, isLost: boolean): StorageError {
  if (error instanceof StorageError) return error;
  const code = codeOf(error);
  const hint = Object.entries(HINTS)
    .filter(([start]) => code.startsWith(start))
    .sort(([a], [b]) => b.length - a.length)[0]?.[1];
  const Kind = isLost || TRANSIENT.test(code) ? ConnectionLostError : StorageError;
  return new Kind(`PostgreSQL database ${database}: ${sentenceOf(error)}${code === "" ? "" : ` (${code})`}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
    context: { code },
  });
}

function codeOf(error: unknown): string {
  // Node gathers what each address of a host said; any of them will do.
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

function sentenceOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(sentenceOf).join("; ");
  return messageOf(error).replaceAll(/\s*\n\s*/g, "; ");
}
