import type { CommandSpec } from "./command.ts";

interface Listed {
  /** The same words as the command's own summary. */
  readonly summary: string;
  readonly load: () => Promise<CommandSpec>;
}

/**
 * The only list of commands, a line each, in the order of `foretape --help`. Only the command that runs is loaded, so
 * that help is quick and recording never loads DuckDB.
 */
export const commands: Readonly<Record<string, Listed>> = {
  init: {
    summary: "writes a commented configuration",
    load: async () => (await import("./init.ts")).initCommand,
  },
  demo: {
    summary: "no network, no keys: records the built-in exchange and says what it recorded",
    load: async () => (await import("./demo.ts")).demoCommand,
  },
  check: {
    summary: "proves before the first run: configuration, keys, clock, venues, listeners, disk, sinks",
    load: async () => (await import("./check.ts")).checkCommand,
  },
  record: {
    summary: "records the configured listeners until stopped; resumes after a crash",
    load: async () => (await import("./record.ts")).recordCommand,
  },
  discover: {
    summary: "lists the markets that the filters match now, or what recording them will cost",
    load: async () => (await import("./discover.ts")).discoverCommand,
  },
  listeners: {
    summary: "lists, adds, edits, pauses, resumes or removes listeners",
    load: async () => (await import("./listeners.ts")).listenersCommand,
  },
  simulate: {
    summary:
      "runs the built-in exchange: both venues and Coinbase, seeded, with faults on demand and a ground-truth file",
    load: async () => (await import("./simulate.ts")).simulateCommand,
  },
  import: {
    summary: "raw captures made by others become a journal and tables of the tape",
    load: async () => (await import("./import.ts")).importCommand,
  },
  replay: {
    summary: "makes the tables again from the journal",
    load: async () => (await import("./replay.ts")).replayCommand,
  },
  migrate: {
    summary: "creates or upgrades the schema of PostgreSQL sinks",
    load: async () => (await import("./migrate.ts")).migrateCommand,
  },
  query: {
    summary: "SQL over the tape (DuckDB), also over one that is being recorded",
    load: async () => (await import("./query.ts")).queryCommand,
  },
  book: {
    summary: "the book of a market at an instant, or top of book over a range",
    load: async () => (await import("./book.ts")).bookCommand,
  },
  tail: {
    summary: "events as they are recorded, one line each, filtered",
    load: async () => (await import("./tail.ts")).tailCommand,
  },
  coverage: {
    summary: "per market, channel and minute: observed, quiet, gap, repaired, not subscribed",
    load: async () => (await import("./coverage.ts")).coverageCommand,
  },
  status: {
    summary: "health of a running recorder",
    load: async () => (await import("./status.ts")).statusCommand,
  },
  verify: {
    summary: "audits a tape: continuity, books, duplicates, coverage, checksums",
    load: async () => (await import("./verify.ts")).verifyCommand,
  },
};
