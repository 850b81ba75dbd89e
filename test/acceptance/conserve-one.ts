/** One seed in a process of its own: what it came to goes to standard output as JSON. */
import { messageOf } from "../../src/ops/errors.ts";
import { conserveSeed } from "./conserve-seed.ts";

const [seed = "", dir = "", seconds = "", rate = ""] = process.argv.slice(2);
try {
  const outcome = await conserveSeed(seed, dir, { seconds: Number(seconds), rate: Number(rate) });
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`);
  process.exitCode = 1;
}
