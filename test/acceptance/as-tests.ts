import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Random } from "../../src/exchange/random.ts";
import type { Check } from "./check.ts";

/** The proofs of `npm run acceptance` as small tests: the same judges, fewer frames and deaths. */
export function testChecks(checks: readonly Check[]): void {
  for (const check of checks) {
    test(`${check.name}: ${check.promise}`, async (t) => {
      const dir = mkdtempSync(join(tmpdir(), `foretape-${check.name}-`));
      t.after(() => rmSync(dir, { recursive: true }));
      const seed = `test/${check.name}`;
      await check.run({ seed, scale: "test", dir, random: new Random(seed), note: (text) => t.diagnostic(text) });
    });
  }
}
