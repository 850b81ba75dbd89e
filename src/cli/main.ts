import { Command, CommanderError } from "commander";
import { commands } from "./commands.ts";
import { endWhenReaderIsGone } from "./output.ts";
import { describe } from "./parser.ts";

/** Runs a command line. Gives the exit code: 0 success, 1 a failed run, 2 wrong usage or configuration. */
async function main(args: readonly string[]): Promise<number> {
  endWhenReaderIsGone();
  const program = new Command("foretape")
    .description("The flight recorder for prediction markets.")
    .exitOverride()
    .showHelpAfterError("(see foretape --help)");
  let exitCode = 0;
  const wanted = args[0] === "help" ? args[1] : args.find((arg) => !arg.startsWith("-"));
  if (args.includes("--version") || args.includes("-V"))
    program.version((await import("./version.ts")).program.version);
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const command = program.command(name).summary(summary).description(summary);
    if (name !== wanted) continue;
    describe(command, await load(), (code) => {
      exitCode = code;
    });
  }
  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    // Commander has said it: help and version are no failure, the rest is wrong usage.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
}

process.exitCode = await main(process.argv.slice(2));
