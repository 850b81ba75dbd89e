import type { JournalConfig } from "./config.ts";
import type { Preamble } from "./record.ts";
import type { StorageError } from "../ops/errors.ts";
import type { JournalRecord } from "./record.ts";
import { FILE_HEADER_BYTES } from "./codec.ts";
import { listSegments } from "./layout.ts";
import { loadSegment } from "./reader.ts";
import { recordsIn } from "./records.fixture.ts";
import { type JournalOptions, type JournalWriter, openJournal } from "./writer.ts";

const CONFIG: JournalConfig = {
  sync_every: 5_000,
  segment: 64 * 1024 * 1024,
  segment_every: 300_000_000,
  keep: "forever",
};

/** Opens a journal for a test; `errors` collects what it reports. */
export function openTestJournal(
  dir: string,
  options: Partial<Omit<JournalOptions, "config">> & {
    readonly config?: Partial<JournalConfig>;
    readonly errors?: StorageError[];
    readonly open?: Preamble["connections"];
  } = {},
): Promise<JournalWriter> {
  const { config, errors, open, ...rest } = options;
  return openJournal({
    dir,
    name: "main",
    source: "live",
    publicConfig: { some: "configuration" },
    program: { name: "test", version: "1" },
    connections: () => open ?? [],
    onError: (error) => errors?.push(error),
    ...rest,
    config: { ...CONFIG, ...config },
  });
}

/** Every record of a journal, from its files. */
export function readAll(dir: string): JournalRecord[] {
  return listSegments(dir).flatMap((file) => recordsIn(loadSegment(file), FILE_HEADER_BYTES));
}

/** The payloads of `received` records as text. */
export function receivedIn(records: readonly JournalRecord[]): string[] {
  return records.filter(({ kind }) => kind === 2).map(({ payload }) => payload.toString());
}

/** The JSON payloads of one kind. */
export function jsonOf<T>(records: readonly JournalRecord[], kind: number): T[] {
  return records.filter((record) => record.kind === kind).map(({ payload }) => JSON.parse(payload.toString()) as T);
}
