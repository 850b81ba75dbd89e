import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { crcAt, type Damage, FILE_HEADER_BYTES, scanRecords } from "../journal/codec.ts";
import { journalDir, listSegments, rawPath, sealedPath, sealLogPath, type SegmentFile } from "../journal/layout.ts";
import { isLocked } from "../journal/lock.ts";
import { readMark } from "../journal/mark.ts";
import { loadSegment } from "../journal/reader.ts";
import { Kind, type Preamble, type Started } from "../journal/record.ts";
import type { SealedSegment } from "../journal/seal.ts";
import { messageOf } from "../ops/errors.ts";
import { type Check, count, Findings } from "./check.ts";

/** What a segment holds. */
export interface SegmentFacts {
  readonly segment: number;
  readonly firstFrame: number;
  readonly lastFrame: number;
  readonly lastCrc: number;
  /** Something in it cannot be read. */
  readonly damaged: boolean;
  /** It is still being written. */
  readonly open: boolean;
}

export interface SegmentsAudit {
  readonly checks: readonly Check[];
  readonly segments: readonly SegmentFacts[];
  readonly journal: string | null;
}

/** Reads every record of a journal: CRCs, checksums of sealed files, unbroken frame numbers, preambles. */
export async function auditSegments(tape: string, name: string, signal: AbortSignal): Promise<SegmentsAudit> {
  const dir = journalDir(tape, name);
  const live = isLocked(dir);
  const durable = readMark(dir);
  const mark = live ? durable : null;
  const files = listSegments(dir);
  const findings = new Findings("journal", name);
  const sealed = new Findings("seals", name);
  const log = readSealLog(dir, sealed);
  const reader = new SegmentReader(findings);
  const segments: SegmentFacts[] = [];
  let checksums = 0;
  for (const [i, file] of files.entries()) {
    await turn();
    signal.throwIfAborted();
    if (mark !== null && file.segment > mark.segment) break;
    const before = files[i - 1];
    if (before !== undefined && file.segment !== before.segment + 1) {
      findings.fail(`segments ${before.segment + 1}–${file.segment - 1} are missing`);
    }
    const open = file.segment === mark?.segment;
    // What was durable once, or sealed, is no torn end.
    const mayTear = i === files.length - 1 && !open && !file.sealed && !existsSync(sealedPath(dir, file.segment));
    const safe = file.segment === durable?.segment ? durable.offset : 0;
    const facts = reader.read(file, { end: open ? mark.offset : undefined, open, mayTear, safe });
    if (facts !== null) segments.push(facts);
    if (existsSync(sealedPath(dir, file.segment)) && checkSeal(dir, file, log.get(file.segment), sealed)) checksums++;
  }
  const frames = segments.reduce((sum, { firstFrame, lastFrame }) => sum + lastFrame - firstFrame + 1, 0);
  if (reader.cutBytes > 0)
    findings.note(
      `${count(reader.cutBytes, "byte")} of torn tails were cut at restarts, before they counted as written`,
    );
  const fine = `${count(segments.length, "segment")}, ${count(frames, "frame")}${live ? ", being written" : ""}`;
  return {
    checks: [findings.result(fine), sealed.result(`${count(checksums, "sealed segment")} with the checksum on record`)],
    segments,
    journal: reader.journal,
  };
}

/** Carries from segment to segment what must go on without a break. */
class SegmentReader {
  journal: string | null = null;
  cutBytes = 0;
  readonly #findings: Findings;
  #lastFrame = 0;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** Reads up to `end`. Where it `mayTear`, unreadable bytes behind `safe` are what a crash left. */
  read(
    file: SegmentFile,
    at: { readonly open: boolean; readonly end: number | undefined; readonly mayTear: boolean; readonly safe: number },
  ): SegmentFacts | null {
    const findings = this.#findings;
    const damage: Damage[] = [];
    let raw: Buffer;
    try {
      raw = loadSegment(file, (each) => damage.push(each));
    } catch (error) {
      findings.fail(messageOf(error));
      return null;
    }
    const limit = Math.min(raw.length, at.end ?? raw.length);
    let firstFrame = 0;
    let lastFrame = 0;
    let lastCrc = 0;
    let broken = false;
    const end = scanRecords(
      raw,
      FILE_HEADER_BYTES,
      limit,
      (record, offset) => {
        if (firstFrame === 0) {
          firstFrame = record.frame;
          if (record.kind === Kind.preamble)
            this.#preamble(JSON.parse(record.payload.toString("utf8")) as Preamble, file);
          else if (damage.length === 0) findings.fail(`${file.path} does not begin with a preamble`);
        }
        if (record.kind === Kind.started)
          this.cutBytes += (JSON.parse(record.payload.toString("utf8")) as Started).cutBytes;
        if (this.#lastFrame > 0 && record.frame !== this.#lastFrame + 1) {
          broken = true;
          findings.fail(`${file.path}: frame ${record.frame} follows frame ${this.#lastFrame}`);
        }
        this.#lastFrame = record.frame;
        lastFrame = record.frame;
        lastCrc = crcAt(raw, offset);
      },
      (each) => damage.push(each),
    );
    for (const { from, to } of damage) findings.fail(`${file.path}: bytes ${from}–${to} are damaged`);
    const unread = limit - Math.max(end, Math.min(limit, FILE_HEADER_BYTES));
    const isTorn = at.mayTear && end >= at.safe;
    if (unread > 0 && isTorn) {
      findings.note(`${file.path} ends in a torn record of ${count(unread, "byte")}, which the next start cuts off`);
    } else if (unread > 0 && !damage.some(({ to }) => to >= limit)) {
      findings.fail(`${file.path}: its last ${count(unread, "byte")} cannot be read`);
    } else if (limit < at.safe)
      findings.fail(`${file.path}: ${count(at.safe - limit, "byte")} that were durable are missing at its end`);
    if (firstFrame === 0) {
      if (!isTorn) findings.note(`${file.path} holds no record`);
      return null;
    }
    const damaged = broken || damage.length > 0 || (unread > 0 && !isTorn);
    return { segment: file.segment, firstFrame, lastFrame, lastCrc, damaged, open: at.open };
  }

  #preamble(preamble: Preamble, file: SegmentFile): void {
    this.journal ??= preamble.journal;
    if (preamble.journal !== this.journal)
      this.#findings.fail(`${file.path} is of another journal (${preamble.journal})`);
    if (preamble.segment !== file.segment)
      this.#findings.fail(`${file.path} says that it is segment ${preamble.segment}`);
  }
}

/** `sealed.jsonl`; a later line of a segment replaces an earlier one. */
function readSealLog(dir: string, findings: Findings): Map<number, SealedSegment> {
  const log = new Map<number, SealedSegment>();
  const path = sealLogPath(dir);
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  for (const [i, line] of lines.entries()) {
    if (line === "") continue;
    try {
      const sealed = JSON.parse(line) as SealedSegment;
      log.set(sealed.segment, sealed);
    } catch {
      // The last line may be one that a crash tore; the segment's checksum is then unknown, which is told below.
      if (i < lines.length - 1) findings.fail(`${path}: line ${i + 1} is damaged`);
    }
  }
  return log;
}

function checkSeal(dir: string, file: SegmentFile, known: SealedSegment | undefined, findings: Findings): boolean {
  const path = sealedPath(dir, file.segment);
  const bytes = readFileSync(path);
  if (known === undefined) {
    findings.note(`${path} has no checksum on record`);
    return false;
  }
  if (bytes.length !== known.sealedBytes) findings.fail(`${path} has ${bytes.length} bytes, not ${known.sealedBytes}`);
  else if (createHash("sha256").update(bytes).digest("hex") !== known.sha256)
    findings.fail(`${path} does not have its SHA-256`);
  else if (!file.sealed) return sameAsRaw(dir, file, findings);
  else return true;
  return false;
}

/** While both are there, the sealed file must unpack to the raw one. */
function sameAsRaw(dir: string, file: SegmentFile, findings: Findings): boolean {
  try {
    const unpacked = loadSegment({ segment: file.segment, path: sealedPath(dir, file.segment), sealed: true });
    if (unpacked.equals(readFileSync(rawPath(dir, file.segment)))) return true;
    findings.fail(`${sealedPath(dir, file.segment)} is not the raw segment beside it`);
  } catch (error) {
    findings.fail(messageOf(error));
  }
  return false;
}
