/** `npm run conserve`: new seeds each time, printed; `--seed TEXT` runs one again. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { conserveSeeds } from "./conserve-seeds.ts";
import { figures } from "./measurements.ts";

const { values: flags } = parseArgs({
  options: {
    seeds: { type: "string", default: "200" },
    seed: { type: "string", multiple: true },
    jobs: { type: "string", default: "4" },
    seconds: { type: "string", default: "8" },
    rate: { type: "string", default: "4000" },
    keep: { type: "boolean", default: false },
  },
});

const numbers = [flags.seeds, flags.jobs, flags.seconds, flags.rate].map(Number);
if (numbers.some((number) => !(number > 0))) {
  console.error("--seeds, --jobs, --seconds and --rate are numbers above 0");
  process.exit(2);
}
const [count = 200, jobs = 4, seconds = 8, rate = 4000] = numbers;
const seeds = flags.seed ?? Array.from({ length: count }, () => randomBytes(4).toString("hex"));
const dir = mkdtempSync(join(tmpdir(), "foretape-conserve-"));
console.log(`seeds ${seeds.join(" ")}`);
const note = (text: string) => console.log(text);
const result = await conserveSeeds({ seeds, dir, jobs, seconds, rate, keep: flags.keep, note });
for (const failure of result.failures) console.log(`FAILED  ${failure}`);
console.log(figures(result.figures));
if (result.failures.length === 0 && !flags.keep) rmSync(dir, { recursive: true });
process.exitCode = result.failures.length > 0 ? 1 : 0;
