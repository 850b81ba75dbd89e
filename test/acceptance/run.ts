import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Random } from "../../src/exchange/random.ts";
import { messageOf } from "../../src/ops/errors.ts";
import { badInputCheck } from "./bad-input.ts";
import { type Check, Failure } from "./check.ts";
import { conserveCheck } from "./conserve-check.ts";
import { killCheck, powerCheck } from "./durability.ts";
import { gapRecoveryCheck } from "./gap-recovery.ts";
import { identityCheck } from "./identity.ts";
import { independenceCheck } from "./independence.ts";
import { figures, type Proved, writeMeasurements } from "./measurements.ts";
import { reconnectCheck } from "./reconnect.ts";
import { replayCheck } from "./replay.ts";
import { faultsCheck, sessionCheck } from "./session.ts";
import { sinkAwayCheck } from "./sink-away.ts";
import { soakCheck } from "./soak.ts";
import { startCheck } from "./start-scale.ts";

const checks: readonly Check[] = [
  sessionCheck,
  faultsCheck,
  conserveCheck,
  gapRecoveryCheck,
  reconnectCheck,
  startCheck,
  soakCheck,
  killCheck,
  powerCheck,
  independenceCheck,
  sinkAwayCheck,
  replayCheck,
  identityCheck,
  badInputCheck,
];

const { values: flags } = parseArgs({
  options: {
    ci: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    seed: { type: "string", default: "20261121" },
    keep: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});

const unknown = flags.only.filter((name) => !checks.some((check) => check.name === name));
if (unknown.length > 0) {
  console.error(`there is no check "${unknown[0]}"; there are ${checks.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
if (flags.ci) console.log("scaled down (--ci): fewer deaths, fewer frames, the same judges");

const root = mkdtempSync(join(tmpdir(), "foretape-acceptance-"));
const wanted = checks.filter(({ name }) => flags.only.length === 0 || flags.only.includes(name));
const proved: Proved[] = [];
for (const check of wanted) {
  const startedAt = performance.now();
  const seconds = () => ((performance.now() - startedAt) / 1000).toFixed(1);
  const dir = join(root, check.name);
  mkdirSync(dir);
  const seed = `${flags.seed}/${check.name}`;
  const note = (text: string) => process.stderr.write(`  ${check.name}: ${text}\n`);
  try {
    const outcome = await check.run({ seed, scale: flags.ci ? "ci" : "full", dir, random: new Random(seed), note });
    proved.push({ check, outcome, seconds: seconds() });
    console.log(`ok      ${check.name.padEnd(16)} ${seconds()} s  ${figures(outcome)}`);
    if (!flags.keep) rmSync(dir, { recursive: true });
  } catch (error) {
    console.log(
      `FAILED  ${check.name.padEnd(16)} ${seconds()} s  seed ${flags.seed}, its files are in ${dir}\n  ${describe(error)}`,
    );
  }
}
const failed = wanted.length - proved.length;
if (flags.write || (!flags.ci && failed === 0 && wanted.length === checks.length))
  writeMeasurements(
    proved,
    `${flags.seed}${flags.ci ? ", scaled down" : ""}`,
    checks.map(({ name }) => name),
  );
if (failed === 0 && !flags.keep) rmSync(root, { recursive: true });
console.log(`${proved.length} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

/** What went wrong; where cleaning up failed too, that comes after the error that mattered. */
function describe(error: unknown): string {
  if (error instanceof SuppressedError) return `${describe(error.suppressed)}\n  and then ${describe(error.error)}`;
  if (error instanceof Failure) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
}
