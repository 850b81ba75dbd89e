import { type Connected, type JournalRecord, Kind, type Preamble } from "../journal/record.ts";
import type { TableBuffer } from "../tables/buffer.ts";
import { venues } from "../venues/index.ts";
import { type Check, count, Findings } from "./check.ts";

/** Messages that rightly become nothing. */
const SILENT: ReadonlyMap<string, readonly string[]> = new Map(venues.map(({ id, silent }) => [id, silent]));

/**
 * Polymarket repeats what it says of whole markets, `new_market` more than a hundred times (seen on the wire, August
 * 2026), the same but for its time: only what is new of a market becomes rows.
 */
const REPEATED: readonly string[] = ["new_market", "market_resolved"];

/**
 * What became of every received frame, and, read with nothing of the interpreters, whether Kalshi's sequence numbers go
 * on without a jump that no row tells of.
 */
export class FrameAudit {
  readonly sequences: Findings;
  sequenced = 0;
  jumps = 0;
  readonly #findings: Findings;
  readonly #venues = new Map<number, string>();
  /** Last number by connection and sid. */
  readonly #last = new Map<string, number>();
  #withRows = 0;
  #witnesses = 0;
  #quarantined = 0;
  /** Kinds and markets of which such a message came already. */
  readonly #said = new Set<string>();
  readonly #silent = new Map<string, number>();
  readonly #lost = new Map<string, number>();
  #events = 0;
  #quarantineRows = 0;
  #gapRows = 0;

  constructor(journal: string) {
    this.#findings = new Findings("frames", journal);
    this.sequences = new Findings("sequences", journal);
  }

  /** An event of the record under way. */
  event(): void {
    this.#events++;
  }

  begin({ kind, epoch, payload }: JournalRecord, buffers: readonly TableBuffer[]): void {
    this.#events = 0;
    this.#quarantineRows = lengthOf(buffers, "quarantine");
    this.#gapRows = lengthOf(buffers, "gaps");
    if (kind === Kind.connected) this.#venues.set(epoch, (JSON.parse(payload.toString("utf8")) as Connected).venue);
    else if (kind === Kind.preamble) {
      const { connections } = JSON.parse(payload.toString("utf8")) as Preamble;
      for (const connection of connections) this.#venues.set(connection.epoch, connection.venue);
    }
  }

  /** The record, a received frame, was interpreted into `rows` more rows. */
  end(record: JournalRecord, buffers: readonly TableBuffer[], rows: number): void {
    const quarantine = lengthOf(buffers, "quarantine") - this.#quarantineRows;
    const gaps = lengthOf(buffers, "gaps") - this.#gapRows;
    if (quarantine > 0) this.#quarantined++;
    else if (rows > 0) this.#withRows++;
    else if (this.#events > 0) this.#witnesses++;
    const repeated =
      this.#venues.get(record.epoch) === "kalshi"
        ? this.#sequence(record, gaps + quarantine > 0)
        : this.#isSaidAgain(record.payload);
    if (quarantine + rows + this.#events === 0) this.#became(record, repeated);
  }

  #isSaidAgain(payload: Buffer): boolean {
    const kind = REPEATED.find((each) => payload.includes(each));
    if (kind === undefined) return false;
    const said = `${kind} ${/"market"\s*:\s*"([^"]*)"/.exec(payload.toString("utf8"))?.[1] ?? ""}`;
    if (this.#said.has(said)) return true;
    this.#said.add(said);
    return false;
  }

  #became({ epoch, payload }: JournalRecord, repeated: boolean): void {
    const kind = repeated ? `repeated ${kindOf(payload)}` : kindOf(payload);
    const isSilent = SILENT.get(this.#venues.get(epoch) ?? "")?.includes(kind) === true;
    const counts = repeated || isSilent ? this.#silent : this.#lost;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }

  /** True where the number was already there: the same frame once more. */
  #sequence({ epoch, payload, frame }: JournalRecord, told: boolean): boolean {
    const head = payload.toString("latin1");
    const seq = Number(/"seq"\s*:\s*(\d+)/.exec(head)?.[1] ?? Number.NaN);
    const sid = /"sid"\s*:\s*(\d+)/.exec(head)?.[1];
    if (!Number.isSafeInteger(seq) || sid === undefined) return false;
    this.sequenced++;
    const key = `${epoch}/${sid}`;
    const last = this.#last.get(key);
    this.#last.set(key, Math.max(seq, last ?? 0));
    if (last === undefined || seq === last + 1) return false;
    if (seq <= last) return true;
    this.jumps++;
    if (!told) this.sequences.fail(`frame ${frame}: sid ${sid} goes from ${last} to ${seq}, and no row says so`);
    return false;
  }

  result(): Check {
    for (const [kind, lost] of this.#lost)
      this.#findings.fail(`${count(lost, "frame")} of kind ${JSON.stringify(kind)} became no row at all`);
    const silent = [...this.#silent].map(([kind, n]) => `${n} ${kind}`).join(", ");
    return this.#findings.result(
      `${this.#withRows} received frames became rows, ${this.#witnesses} witnesses of a book or of a gap's end, ${this.#quarantined} quarantined, ${silent === "" ? "no acknowledgements" : silent}`,
    );
  }
}

function lengthOf(buffers: readonly TableBuffer[], table: string): number {
  return buffers.find((buffer) => buffer.table.name === table)?.length ?? 0;
}

function kindOf(payload: Buffer): string {
  const text = payload.toString("utf8").trim();
  if (text.length < 10) return text;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return typeof value;
    const { channel, topic, type, event_type } = value as Readonly<Record<string, unknown>>;
    const named = channel ?? topic ?? type ?? event_type;
    return typeof named === "string" ? named : Array.isArray(value) ? "array" : "object";
  } catch {
    return "not JSON";
  }
}
