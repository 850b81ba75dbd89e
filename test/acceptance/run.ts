import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Random } from "../../src/exchange/random.ts";
import { messageOf } from "../../src/ops/errors.ts";
import { type Check, Failure, type Outcome } from "./check.ts";
import { replayCheck } from "./replay.ts";
import { independenceCheck } from "./independence.ts";
import { badInputCheck } from "./bad-input.ts";
import { identityCheck } from "./identity.ts";
import { killCheck, powerCheck } from "./durability.ts";
import { faultsCheck, sessionCheck } from "./session.ts";

const checks: readonly Check[] = [replayCheck, sessionCheck, faultsCheck, killCheck, powerCheck, identityCheck, independenceCheck, badInputCheck];

const { values: flags } = parseArgs({
  options: {
    ci: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    seed: { type: "string", default: "20261121" },
    keep: { type: "boolean", default: false },
  },
});

const root = mkdtempSync(join(tmpdir(), "foretape-acceptance-"));
let failed = 0;
for (const check of checks) {
  if (flags.only.length > 0 && !flags.only.includes(check.name)) continue;
  const startedAt = performance.now();
  const seed = `${flags.seed}/${check.name}`;
  const dir = join(root, check.name);
  mkdirSync(dir);
  let outcome: Outcome | null = null;
  let problem: string | null = null;
  try {
    const random = new Random(seed);
    outcome = await check.run({ seed, ci: flags.ci, dir, random, note: (text) => process.stderr.write(`  ${check.name}: ${text}\n`) });
  } catch (error) {
    failed++;
    problem = describe(error);
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  if (problem !== null) console.log(`not ok ${check.name} (${seconds} s, --seed ${flags.seed})\n  ${problem}`);
  else console.log(`ok ${check.name} (${seconds} s): ${JSON.stringify(outcome)}`);
  if (!flags.keep && problem === null) rmSync(dir, { recursive: true });
}
process.exitCode = failed > 0 ? 1 : 0;

/** What went wrong; where cleaning up failed too, that comes after the error that mattered. */
function describe(error: unknown): string {
  if (error instanceof SuppressedError) return `${describe(error.suppressed)}\n  and then ${describe(error.error)}`;
  if (error instanceof Failure) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
}
