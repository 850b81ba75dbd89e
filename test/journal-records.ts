import { blankRecord, decodeRecord, FILE_HEADER_BYTES } from "../src/journal/codec.ts";
import { listSegments } from "../src/journal/layout.ts";
import { loadSegment } from "../src/journal/reader.ts";
import { type Decision, Kind } from "../src/journal/record.ts";

const NAMES = new Map(Object.entries(Kind).map(([name, kind]) => [kind, name]));

export interface TextRecord {
  readonly frame: number;
  readonly kind: string;
  readonly epoch: number;
  readonly text: string;
}

/** All records of a journal that nobody writes any more, as text. */
export function journalRecords(dir: string): TextRecord[] {
  const records: TextRecord[] = [];
  for (const file of listSegments(dir)) {
    const raw = loadSegment(file);
    const record = blankRecord();
    for (
      let at = decodeRecord(raw, FILE_HEADER_BYTES, raw.length, record);
      at > 0;
      at = decodeRecord(raw, at, raw.length, record)
    ) {
      records.push({
        frame: record.frame,
        kind: NAMES.get(record.kind) ?? String(record.kind),
        epoch: record.epoch,
        text: record.payload.toString(),
      });
    }
  }
  return records;
}

/** The decisions of one type. */
export function decisions(records: readonly TextRecord[], type: string): Decision[] {
  return records
    .filter((record) => record.kind === "decision")
    .map((record) => JSON.parse(record.text) as Decision)
    .filter((decision) => decision.type === type);
}
