import type { SinkConfig } from "./config.ts";
import { probePostgres } from "./postgres/probe.ts";
import { probeSqlite } from "./sqlite/probe.ts";

/**
 * Whether a configured sink can be written, without changing it: what was found, a sentence. Throws a `ForetapeError` with a hint
 * where it cannot. Every type of sink has its case here.
 */
export function probeSink(setting: SinkConfig): Promise<string> {
  switch (setting.type) {
    case "parquet":
      return Promise.resolve("parquet: the tape itself");
    case "sqlite":
      return probeSqlite(setting.path);
    case "postgres":
      return probePostgres(setting);
  }
}
