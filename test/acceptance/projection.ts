import { cpSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { journalDir, listSegments } from "../../src/journal/layout.ts";
import { Projector } from "../../src/project/projector.ts";
import { makeSinks } from "../../src/sinks/index.ts";
import { readManifest, readManifests } from "../../src/sinks/parquet/manifest.ts";
import { venues } from "../../src/venues/index.ts";
import type { Venue } from "../../src/venues/venue.ts";
import { must } from "./check.ts";

export interface Projection {
  readonly tape: string;
  readonly name: string;
  /** A database beside the Parquet files. */
  readonly sqlite?: string;
  /** Make the tables of every segment again. */
  readonly replace?: boolean;
  readonly venues?: readonly Venue[];
  readonly interpreter?: number;
}

/** Projects a journal that nobody writes, to its end. */
export async function project(options: Projection): Promise<void> {
  const { tape, name, sqlite, replace, interpreter } = options;
  const settings = sqlite === undefined ? [] : [{ type: "sqlite" as const, path: sqlite, tables: "all" as const }];
  const segments = listSegments(journalDir(tape, name)).map(({ segment }) => segment);
  await using projector = await Projector.open({
    tape,
    name,
    venues: options.venues ?? venues,
    ...(interpreter === undefined ? {} : { interpreter }),
    sinks: (instruments) => makeSinks({ settings, tape, instruments }),
    ...(replace === true ? { replace: { fromSegment: segments[0] ?? 1, toSegment: segments.at(-1) ?? 1 } } : {}),
  });
  must(projector !== null, `there is no journal "${name}" in ${tape}`);
  await projector.run({ follow: false, signal: new AbortController().signal });
}

/** A tape that has nothing but the journals of another one. */
export function copyJournals(tape: string, to: string): void {
  cpSync(join(tape, "journal"), join(to, "journal"), { recursive: true });
}

/** Throws `Failure` unless the table files on disk are exactly those that the manifests name. */
export function mustHaveNoOrphans(tape: string): void {
  const live = new Set(
    readManifests(tape).flatMap(({ entries }) =>
      [...entries.values()].flatMap(({ files }) => files.map(({ path }) => path)),
    ),
  );
  const found = readdirSync(join(tape, "tables"), { recursive: true, withFileTypes: true })
    .filter((item) => item.isFile())
    .map((item) => relative(tape, join(item.parentPath, item.name)));
  for (const path of found) must(live.has(path), `${path} is an orphan: no manifest names it`);
  must(found.length === live.size, `the manifests name ${live.size} files and ${found.length} are there`);
}

/** The versions of the interpreters that made a tape's live files. */
export function versionsOf(tape: string, name: string): number[] {
  return [...new Set([...(readManifest(tape, name)?.entries.values() ?? [])].map(({ interpreter }) => interpreter))];
}
