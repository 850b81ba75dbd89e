import { type Command, Option } from "commander";
import type { CommandOption, CommandSpec } from "./command.ts";
import { flagName, runCommand, type SharedOptions } from "./run-command.ts";

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** Gives a commander command the arguments, options, help and action of a spec. */
export function describe(command: Command, spec: CommandSpec, onExit: (code: number) => void): void {
  command.description(spec.description === undefined ? spec.summary : `${spec.summary}\n\n${spec.description}`);
  for (const { name, description, optional, variadic } of spec.arguments ?? []) {
    const inner = `${name}${variadic === true ? "..." : ""}`;
    command.argument(optional === true ? `[${inner}]` : `<${inner}>`, description);
  }
  for (const [name, option] of Object.entries(spec.options ?? {})) command.addOption(commanderOption(name, option));
  command
    .option("--config <file>", "configuration (default: ./foretape.yaml if present)")
    .option("--tape <dir>", "directory of the tape (default: ./tape)")
    .option("--recorder <name>", "name of the recorder (default: main)")
    .option("--set <path=value>", "any other part of the configuration, may be repeated", collect)
    .option("--json", "machine-readable output")
    .option("--debug", "log more, and show where an error comes from")
    .addHelpText("after", `\nExamples:\n${spec.examples.map((example) => `  ${example}`).join("\n")}`)
    .action(async (...received: unknown[]) => {
      // Commander gives each argument, then the options, then the command.
      const args = received
        .slice(0, -2)
        .flat()
        .filter((arg) => typeof arg === "string");
      const given = command.opts<SharedOptions & Record<string, unknown>>();
      onExit(await runCommand(spec, given, given, args));
    });
}

function commanderOption(name: string, { value, description }: CommandOption): Option {
  return new Option(value === undefined ? flagName(name) : `${flagName(name)} ${value}`, description);
}
