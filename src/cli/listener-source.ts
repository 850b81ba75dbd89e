import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Listener } from "../capture/listener.ts";
import type { LoadedConfig } from "../config/load.ts";
import { configurationError } from "../config/problem.ts";
import { type Config, configSchema } from "../config/schema.ts";
import type { Tree } from "../config/tree.ts";
import { ForetapeError, messageOf, UsageError } from "../ops/errors.ts";
import { ListenerStore, type StoredListener } from "./listener-store.ts";

export type ConfiguredListener = Config["listeners"][number];

/** Where a listener is kept: in the configuration, or in the tape's database. */
export interface SourcedListener {
  readonly listener: ConfiguredListener;
  /** `foretape.yaml:12`, `the environment`, … or `the database`. */
  readonly source: string;
  readonly isStored: boolean;
}

/** Checks a listener that is kept in the database. Throws `UsageError` as for the configuration file. */
export function checkListener(definition: Tree): ConfiguredListener {
  const tree = { listeners: [definition] };
  const parsed = configSchema.safeParse(tree);
  const [listener] = parsed.data?.listeners ?? [];
  if (listener !== undefined) return listener;
  if (parsed.success) throw new UsageError("a listener needs a name and a venue");
  const error = configurationError(parsed.error, tree, () => null);
  const plain = (text: string) => text.replaceAll("listeners.0.", "");
  throw new UsageError(plain(error.message), error.hint === undefined ? {} : { hint: plain(error.hint) });
}

/** A listener as `record` runs it. */
export function toListener(listener: ConfiguredListener): Listener {
  return {
    name: listener.name,
    venue: listener.venue,
    channels: listener.channels,
    filters: listener.filters,
    maxMarkets: listener.max_markets,
    outcomes: listener.outcomes,
    discoveryEvery: listener.discovery_every,
    restPoll: listener.rest_poll,
  };
}

/** Whether the configuration says nothing of listeners, so that it holds the default one. */
export function hasDefaultListeners({ sources }: Pick<LoadedConfig, "sources">): boolean {
  return ![...sources.keys()].some((path) => path === "listeners" || path.startsWith("listeners."));
}

/** What the table of listeners holds: those that can be used, and of the others what is wrong, by name. */
export function readStored(stored: readonly StoredListener[]): {
  readonly listeners: readonly SourcedListener[];
  readonly invalid: ReadonlyMap<string, string>;
} {
  const listeners: SourcedListener[] = [];
  const invalid = new Map<string, string>();
  for (const { name, definition, isActive } of stored) {
    try {
      const listener = { ...checkListener(definition), paused: !isActive };
      listeners.push({ listener, source: "the database", isStored: true });
    } catch (error) {
      invalid.set(name, problemOf(error));
    }
  }
  return { listeners, invalid };
}

/** The listeners of the configuration, with where they stand. */
export function readConfigured({
  config,
  sources,
}: Pick<LoadedConfig, "config" | "sources">): readonly SourcedListener[] {
  const isDefault = hasDefaultListeners({ sources });
  return config.listeners.map((listener, index) => ({
    listener,
    source: isDefault
      ? "the default"
      : (sources.get(`listeners.${index}`) ?? sources.get("listeners") ?? "the configuration"),
    isStored: false,
  }));
}

export interface ListenerSourceOptions {
  readonly loaded: LoadedConfig;
  readonly reload: () => LoadedConfig;
  readonly tape: string;
  /** A sentence for the user. */
  readonly onProblem: (problem: string) => void;
}

/**
 * The listeners of the configuration and of the tape's database, looked at again and again by their content: that works
 * on every file system. What is not valid changes nothing: what ran goes on.
 */
export class ListenerSource {
  readonly #options: ListenerSourceOptions;
  #configured: readonly SourcedListener[];
  #isDefault: boolean;
  #stored: readonly SourcedListener[] = [];
  #store: ListenerStore | null = null;
  /** Text of the configuration file and the `.env` beside it: as last read, and as last seen. */
  #text: string;
  #seen = "";
  #rows = "";
  #said = "";

  /** Throws `StorageError` where the tape's database cannot be read. */
  constructor(options: ListenerSourceOptions) {
    this.#options = options;
    this.#configured = readConfigured(options.loaded);
    this.#isDefault = hasDefaultListeners(options.loaded);
    this.#seen = this.#fileText();
    this.#text = this.#seen;
    this.#readStore();
  }

  /** All listeners, paused ones too; those of the database count as an answer to having configured none. */
  get all(): readonly SourcedListener[] {
    const own = this.#isDefault && this.#stored.length > 0 ? [] : this.#configured;
    const names = new Set(own.map(({ listener }) => listener.name));
    return [...own, ...this.#stored.filter(({ listener }) => !names.has(listener.name))];
  }

  /** Nobody chose any listener. */
  get isDefault(): boolean {
    return this.#isDefault && this.#stored.length === 0;
  }

  /** Looks again; true where the listeners are others now. */
  refresh(): boolean {
    const before = this.all;
    this.#readFile();
    try {
      this.#readStore();
    } catch (error) {
      this.#say(`the listeners in the database cannot be read, those that run go on: ${problemOf(error)}`);
    }
    return !isDeepStrictEqual(
      before.map(({ listener }) => listener),
      this.all.map(({ listener }) => listener),
    );
  }

  [Symbol.dispose](): void {
    this.#store?.[Symbol.dispose]();
  }

  /** An editor may be writing: a text counts when it is seen for the second time. */
  #readFile(): void {
    const text = this.#fileText();
    const isSettled = text === this.#seen;
    this.#seen = text;
    if (text === this.#text || !isSettled) return;
    this.#text = text;
    const { loaded, reload } = this.#options;
    try {
      const again = reload();
      this.#configured = readConfigured(again);
      this.#isDefault = hasDefaultListeners(again);
      const { listeners: _, ...rest } = again.config;
      const waiting = Object.entries(rest).filter(
        ([key, value]) => !isDeepStrictEqual(value, loaded.config[key as keyof typeof rest]),
      );
      if (waiting.length > 0)
        this.#say(`a change of ${waiting.map(([key]) => key).join(", ")} takes effect when record is started again`);
    } catch (error) {
      this.#say(`the changed configuration is not valid, the listeners that run go on: ${problemOf(error)}`);
    }
  }

  #readStore(): void {
    this.#store ??= ListenerStore.openExisting(this.#options.tape);
    const rows = this.#store?.list() ?? [];
    const text = JSON.stringify(rows);
    if (text === this.#rows) return;
    this.#rows = text;
    const { listeners, invalid } = readStored(rows);
    const before = this.#stored.filter(({ listener }) => invalid.has(listener.name));
    for (const [name, problem] of invalid) {
      const goesOn = before.some(({ listener }) => listener.name === name);
      this.#say(
        `listener ${name} in the database is not valid, ${goesOn ? "its old form goes on" : "it does not run"}: ${problem}`,
      );
    }
    this.#stored = [...listeners, ...before];
    const own = new Set(this.#configured.map(({ listener }) => listener.name));
    for (const { listener } of this.#stored) {
      if (!this.#isDefault && own.has(listener.name))
        this.#say(`listener ${listener.name} is in the configuration too, and that one runs`);
    }
  }

  /** What was last seen where it cannot be read now. */
  #fileText(): string {
    const { file } = this.#options.loaded;
    if (file === null) return "";
    try {
      return [file, join(dirname(file), ".env")]
        .map((path) => (existsSync(path) ? readFileSync(path, "utf8") : ""))
        .join("\0");
    } catch (error) {
      this.#say(`the configuration cannot be read, the listeners that run go on: ${messageOf(error)}`);
      return this.#seen;
    }
  }

  #say(problem: string): void {
    if (problem !== this.#said) this.#options.onProblem(problem);
    this.#said = problem;
  }
}

/** One line: what is wrong, and what to do. */
function problemOf(error: unknown): string {
  const hint = error instanceof ForetapeError && error.hint !== undefined ? ` (${error.hint})` : "";
  return `${messageOf(error).replaceAll("\n", "; ")}${hint}`;
}
