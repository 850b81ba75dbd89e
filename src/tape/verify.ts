import { resolve } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { listJournals } from "../journal/layout.ts";
import { messageOf, UsageError } from "../ops/errors.ts";
import { type Manifest, readManifests } from "../sinks/parquet/manifest.ts";
import { auditRows } from "./audit-rows.ts";
import { auditSegments } from "./audit-segments.ts";
import { auditOrphans, auditTables } from "./audit-tables.ts";
import type { Check } from "./check.ts";
import { checkTape } from "./tape-database.ts";

export interface VerifyOptions {
  readonly tape: string;
  /** Leave out what needs the journal to be interpreted again. */
  readonly quick?: boolean;
  readonly signal: AbortSignal;
  readonly progress?: (journal: string, frame: number, frames: number) => void;
}

/** Audits a tape; it changes nothing. Gives each check as it is done. Throws `UsageError` where there is no tape. */
export async function* verifyTape(options: VerifyOptions): AsyncGenerator<Check> {
  const tape = resolve(options.tape);
  const { signal } = options;
  checkTape(tape);
  const names = listJournals(tape);
  let manifests: Manifest[] = [];
  try {
    manifests = readManifests(tape);
  } catch (error) {
    yield { check: "manifest", journal: null, status: "fail", detail: messageOf(error) };
  }
  if (names.length === 0 && manifests.length === 0)
    throw new UsageError(`there is nothing to verify in ${tape}: it holds no journal`);
  const instance = await DuckDBInstance.create(":memory:", { temp_directory: "" });
  const connection = await instance.connect();
  try {
    for (const name of names) {
      // The manifest first: what is published meanwhile is then only not looked at.
      const manifest = manifests.find(({ identity }) => identity.name === name) ?? null;
      const { checks, segments, journal } = await auditSegments(tape, name, signal);
      yield* checks;
      yield* await auditTables({ tape, name, manifest, journal, segments, connection, signal });
      if (options.quick === true) continue;
      const frames = segments.at(-1)?.lastFrame ?? 0;
      const progress = (frame: number): void => options.progress?.(name, frame, frames);
      try {
        yield* await auditRows({ tape, name, manifest, segments, connection, signal, progress });
      } catch (error) {
        signal.throwIfAborted();
        yield {
          check: "rows",
          journal: name,
          status: "fail",
          detail: `the journal cannot be interpreted again: ${messageOf(error)}`,
        };
      }
    }
    for (const { identity } of manifests) {
      if (names.includes(identity.name)) continue;
      yield {
        check: "journal",
        journal: identity.name,
        status: "note",
        detail: "its tables are here, the journal is not: their rows cannot be made again",
      };
    }
    yield auditOrphans(tape, manifests);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
