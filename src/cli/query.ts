import { createReadStream, createWriteStream, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { once } from "node:events";
import Table from "cli-table3";
import { z } from "zod";
import { formatTime } from "../model/time.ts";
import { messageOf, StorageError } from "../ops/errors.ts";
import { seedNames } from "../seeds/index.ts";
import { type QueryOptions, TapeQuery } from "../tape/query.ts";
import { cellText, csvLine, distinctNames, jsonObject } from "../tape/result-text.ts";
import { defineCommand } from "./command.ts";
import { writeOut } from "./output.ts";

const FORMATS = ["table", "csv", "json", "parquet"] as const;
/** A table for people is laid out in memory: more rows than this are counted, not shown. */
const TABLE_ROWS = 1_000;

type Write = (chunk: string | Uint8Array) => Promise<void>;

/** `foretape query SQL`: SQL over the tape. */
export const queryCommand = defineCommand({
  name: "query",
  summary: "SQL over the tape (DuckDB), also over one that is being recorded",
  description:
    "Every table is there by name; <table>_history has every row where the plain name has one per fact. Times are UTC. Only reading is possible.",
  arguments: [{ name: "sql", description: "one SQL statement" }],
  options: {
    format: {
      value: "<format>",
      description: `${FORMATS.join(", ")} (default: table on a terminal, else csv)`,
      schema: z.enum(FORMATS).optional(),
    },
    output: { value: "<file>", description: "write to this file instead of stdout" },
    schema: {
      value: "<seed>",
      description: `${seedNames.join(", ")}: names of an older system come first; \`seed3.contracts\` works without`,
      schema: z.enum(seedNames).optional(),
    },
  },
  examples: [
    'foretape query "SELECT market_id, count(*) FROM trades GROUP BY ALL ORDER BY 2 DESC LIMIT 10"',
    'foretape query --format csv "SELECT * FROM gaps" --output gaps.csv',
    "foretape query --format parquet \"FROM orderbook_deltas WHERE date = '2026-11-21'\" --output day.parquet",
    "foretape query --schema seed5 \"SELECT * FROM event_leader_latest WHERE strike_period IN ('hour', 'day')\"",
  ],
  async run({ tape, json, signal }, { format: asked, output, schema }, [sql = ""]) {
    const format = asked ?? (json ? "json" : process.stdout.isTTY && output === undefined ? "table" : "csv");
    const asks = { tape, sql, signal, ...(schema === undefined ? {} : { schema }) };
    if (format === "parquet") return parquet(asks, output);
    await using query = await TapeQuery.run(asks);
    sayWhatIsBehind(query);
    await using target = openTarget(output, signal);
    await printers[format](query, target.write);
    await target.finish();
  },
});

function sayWhatIsBehind({ behind }: TapeQuery): void {
  for (const { journal, upTo } of behind)
    process.stderr.write(`foretape: journal ${journal} is read up to ${formatTime(upTo)}\n`);
}

const printers = {
  async csv(query: TapeQuery, write: Write): Promise<void> {
    await write(csvLine(query.result.columnNames()));
    for await (const rows of query.chunks()) await write(rows.map(csvLine).join(""));
  },

  /** An array with a row a line. */
  async json(query: TapeQuery, write: Write): Promise<void> {
    const names = distinctNames(query.result.columnNames());
    let any = false;
    for await (const rows of query.chunks()) {
      await write(`${any ? ",\n" : "[\n"}${rows.map((row) => jsonObject(names, row)).join(",\n")}`);
      any = true;
    }
    await write(any ? "\n]\n" : "[]\n");
  },

  async table(query: TapeQuery, write: Write): Promise<void> {
    const table = new Table({ head: query.result.columnNames(), style: { head: [], border: [], compact: true } });
    let rows = 0;
    for await (const chunk of query.chunks()) {
      for (const row of chunk) if (++rows <= TABLE_ROWS) table.push(row.map(cellText));
    }
    const more = rows > TABLE_ROWS ? `, the first ${TABLE_ROWS} of them shown; --format csv gives all` : "";
    await write(`${table.toString()}\n${rows} row${rows === 1 ? "" : "s"}${more}\n`);
  },
};

/** Where text goes: stdout, or a file that appears only when it is whole. */
function openTarget(
  output: string | undefined,
  signal: AbortSignal,
): AsyncDisposable & { write: Write; finish(): Promise<void> } {
  if (output === undefined) {
    return {
      write: (chunk) => writeOut(chunk, signal),
      finish: async () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
  const temporary = `${output}.tmp`;
  const stream = createWriteStream(temporary);
  const failed = once(stream, "error").then(([error]) => {
    throw new StorageError(`cannot write ${output}: ${messageOf(error)}`, { cause: error });
  });
  failed.catch(() => undefined);
  let finished = false;
  return {
    write: async (chunk) => {
      if (!stream.write(chunk)) await Promise.race([once(stream, "drain", { signal }), failed]);
    },
    finish: async () => {
      stream.end();
      await Promise.race([once(stream, "finish"), failed]);
      renameSync(temporary, output);
      finished = true;
    },
    [Symbol.asyncDispose]: async () => {
      stream.destroy();
      if (!finished) rmSync(temporary, { force: true });
    },
  };
}

async function parquet(asks: QueryOptions, output: string | undefined): Promise<void> {
  const { tape, signal } = asks;
  const scratch = output === undefined ? mkdtempSync(join(tmpdir(), "foretape-query-")) : null;
  const path = output ?? join(scratch ?? dirname(tape), "rows.parquet");
  const temporary = `${path}.tmp`;
  try {
    await using query = await TapeQuery.run({ ...asks, parquet: temporary });
    sayWhatIsBehind(query);
    for await (const _ of query.chunks()) continue;
    renameSync(temporary, path);
    if (scratch !== null) for await (const piece of createReadStream(path)) await writeOut(piece as Buffer, signal);
  } finally {
    rmSync(temporary, { force: true });
    if (scratch !== null) rmSync(scratch, { recursive: true, force: true });
  }
}
