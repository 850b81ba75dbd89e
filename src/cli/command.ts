import type { Logger } from "pino";
import type { z } from "zod";
import type { LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";

/**
 * A command is one file, `src/cli/<name>.ts`, that exports one value made by `defineCommand`, and one line in the list
 * of `commands.ts`:
 *
 * ```ts
 * // src/cli/book.ts
 * export const bookCommand = defineCommand({
 *   name: "book",
 *   summary: "the book of a market at an instant",
 *   arguments: [{ name: "market", description: "Kalshi ticker or Polymarket condition id" }],
 *   options: {
 *     // key in camelCase → --kebab-case; `value` names the flag's value, without it the flag is a switch
 *     at: { value: "<instant>", description: "UTC instant, for example 2026-11-21T16:59:00Z", schema: z.string() },
 *     depth: { value: "<levels>", description: "levels a side", schema: z.coerce.number().int().default(10) },
 *     openOnly: { description: "only open markets" },
 *     into: { value: "<sink...>", description: "several values", schema: z.array(z.string()).default([]) },
 *   },
 *   examples: ["foretape book KXBTCD-26NOV2117-T95000 --at 2026-11-21T16:59:00Z"],
 *   async run({ tape, json, out, outJson, signal }, { at, depth, openOnly }, [market]) {
 *     const book = await …;
 *     if (json) outJson(book);
 *     else out(render(book));
 *   },
 * });
 *
 * // src/cli/commands.ts, in `commands`
 * book: { summary: "the book of a market at an instant", load: async () => (await import("./book.ts")).bookCommand },
 * ```
 *
 * Every command also takes `--config FILE`, `--tape DIR`, `--recorder NAME`, `--set PATH=VALUE`, `--json`, `--debug` and
 * `--help`. `run` returns when the work is done (exit code 0). It throws a `ForetapeError` to fail in one clear line
 * (exit code 1, or 2 for `UsageError`); anything else thrown is reported as a bug. A command that found something bad
 * but did its work, such as `verify`, returns 1.
 */
export interface CommandSpec {
  readonly name: string;
  /** One line without a full stop, shown by `foretape --help`. */
  readonly summary: string;
  /** More lines for `foretape <name> --help`. */
  readonly description?: string;
  readonly arguments?: readonly CommandArgument[];
  readonly options?: CommandOptions;
  /** Whole command lines. At least one. */
  readonly examples: readonly [string, ...string[]];
  /** False for a command that must run whatever file and environment say, such as `init`; `config` is then the defaults. */
  readonly readsConfiguration?: boolean;
  run(
    context: CommandContext,
    options: Readonly<Record<string, unknown>>,
    args: readonly string[],
  ): Promise<void | 0 | 1>;
}

/** A `CommandSpec` whose `run` knows the types of its options. */
export interface CommandDefinition<Options extends CommandOptions> extends Omit<CommandSpec, "options" | "run"> {
  readonly options?: Options;
  run(context: CommandContext, options: ParsedOptions<Options>, args: readonly string[]): Promise<void | 0 | 1>;
}

export interface CommandArgument {
  readonly name: string;
  readonly description: string;
  /** May be left out. */
  readonly optional?: boolean;
  /** Takes all that is left; only as the last one. */
  readonly variadic?: boolean;
}

export interface CommandOption {
  readonly description: string;
  /** `<name>` or `<name...>`; without it the option is a switch: true or false. */
  readonly value?: `<${string}>`;
  /** Reads the text (or list of texts). Without it an option with a value is an optional string. */
  readonly schema?: z.ZodType;
}

export type CommandOptions = Readonly<Record<string, CommandOption>>;

export type ParsedOptions<Options extends CommandOptions> = {
  readonly [Name in keyof Options]: Options[Name]["schema"] extends z.ZodType
    ? z.infer<Options[Name]["schema"]>
    : Options[Name]["value"] extends string
      ? string | undefined
      : boolean;
};

/** What every command gets. */
export interface CommandContext {
  /** The effective configuration: defaults, file, environment and flags. */
  readonly config: Config;
  /** Where each configured value came from, by path. */
  readonly sources: ReadonlyMap<string, string>;
  /** The configuration file, null where there is none. */
  readonly configFile: string | null;
  /** Reads the configuration again, as at the start. Throws `UsageError`. */
  reload(): LoadedConfig;
  /** Directory of the tape, absolute. It need not exist. */
  readonly tape: string;
  /** The user wants machine-readable output: print results with `outJson`. */
  readonly json: boolean;
  /** To stderr or the configured file; secrets never appear. */
  readonly log: Logger;
  /** Aborted by SIGINT or SIGTERM: stop cleanly within 5 s. A second signal ends the process at once. */
  readonly signal: AbortSignal;
  /** Prints a line of results on stdout. For bulk use `writeOut` of `output.ts`, which waits for a slow reader. */
  out(text: string): void;
  /** Prints a value as one line of JSON on stdout. */
  outJson(value: unknown): void;
  /** Shows long work on stderr: a bar on a terminal, plain lines elsewhere, nothing with `--json`. */
  progress(label: string, total: number | null): Progress;
}

export interface Progress {
  /** How much is done, in the unit of `total`; `note` is shown beside it. */
  update(done: number, note?: string): void;
  stop(): void;
}

/** Checks a command's shape and infers the types of its options. */
export function defineCommand<const Options extends CommandOptions>(spec: CommandDefinition<Options>): CommandSpec {
  return { ...spec, run: (context, options, args) => spec.run(context, options as ParsedOptions<Options>, args) };
}
