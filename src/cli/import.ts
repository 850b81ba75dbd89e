import { makeSinks } from "../sinks/index.ts";
import { importCapture, type ImportSummary } from "../tape/import.ts";
import { defineCommand, type Progress } from "./command.ts";
import { program } from "./version.ts";

/** `foretape import FILE`: raw captures made by others → journal → tables. */
export const importCommand = defineCommand({
  name: "import",
  summary: "raw captures made by others become a journal and tables of the tape",
  description:
    'Reads one JSON value a line: {"frame": text or object, "received_at": µs or ISO, "conn": any}, other spellings of these, or a bare message. .gz and .zst files are read as such. Importing the same file twice changes nothing. docs/reading.md says more.',
  arguments: [{ name: "file", description: "capture to import" }],
  options: {
    venue: {
      value: "<venue>",
      description: "whose protocol the frames speak: kalshi, polymarket, coinbase or polymarket_rtds",
    },
    useYesPrice: { description: "Kalshi: the capture was subscribed with use_yes_price" },
    markets: { value: "<file>", description: "JSON file of the venue's own market objects" },
  },
  examples: [
    "foretape import --venue kalshi capture.jsonl.gz",
    "foretape import --venue polymarket capture.jsonl --markets markets.json",
  ],
  async run({ config, tape, json, out, outJson, signal, progress }, { venue, useYesPrice, markets }, [file]) {
    let bar: Progress | null = null;
    let step = "";
    try {
      const summary = await importCapture({
        tape,
        path: file ?? "",
        venue: venue ?? "",
        useYesPrice,
        ...(markets === undefined ? {} : { markets }),
        program,
        signal,
        journal: config.journal,
        sinks: (instruments) => makeSinks({ settings: config.sinks, tape, instruments, parquet: false }),
        progress: (label, done, total) => {
          if (label !== step) {
            bar?.stop();
            bar = progress(label, total);
            step = label;
          }
          bar?.update(done);
        },
      });
      if (json) outJson(toJson(summary));
      else for (const line of describe(summary)) out(line);
    } finally {
      (bar as Progress | null)?.stop();
    }
  },
});

function toJson(summary: ImportSummary) {
  return {
    journal: summary.journal,
    already_imported: summary.already,
    frames: summary.frames,
    connections: summary.connections,
    without_receive_time: summary.withoutReceiveTime,
    unusable_receive_times: summary.unusableReceiveTimes,
    rows: summary.rows,
    quarantined: summary.quarantined,
    gaps: summary.gaps,
    top_of_book: summary.topOfBook,
    book_hashes: summary.bookHashes,
  };
}

function describe(summary: ImportSummary): string[] {
  const { frames, connections, withoutReceiveTime, unusableReceiveTimes, topOfBook, bookHashes } = summary;
  const lines = [
    `${summary.already ? "already imported as" : "imported as"} ${summary.journal}: ${count(frames, "frame")} on ${count(connections, "connection")}`,
    `rows: ${list(summary.rows)}`,
    `quarantined: ${list(summary.quarantined)}`,
    `gaps: ${summary.gaps}`,
  ];
  if (topOfBook !== null) {
    lines.push(
      `the venue's own best prices equalled ours in ${share(topOfBook.settled, topOfBook.compared)} within its usual delay, ${share(topOfBook.exact, topOfBook.compared)} in the moment`,
    );
  }
  if (bookHashes !== null) lines.push(`books had the venue's hash in ${share(bookHashes.matched, bookHashes.checked)}`);
  if (withoutReceiveTime > 0)
    lines.push(`${count(withoutReceiveTime, "frame")} without receive time: received_at is null in their rows`);
  if (unusableReceiveTimes > 0)
    lines.push(`${count(unusableReceiveTimes, "receive time")} could not be one and counts as none`);
  return lines;
}

function list(counts: Readonly<Record<string, number>>): string {
  return (
    Object.entries(counts)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ") || "none"
  );
}

function count(value: number, noun: string): string {
  return `${value} ${noun}${value === 1 ? "" : "s"}`;
}

function share(part: number, whole: number): string {
  return `${part} of ${whole} comparisons (${whole === 0 ? "–" : `${((100 * part) / whole).toFixed(1)} %`})`;
}
