import { RateBudget } from "./rate-budget.ts";
import { SharedRates } from "./shared-rates.ts";

/*
 * A process that spends tokens of a shared limit as fast as it may, and says when: milliseconds of the wall clock, one a
 * line. Arguments: database, tokens a second, capacity, how long.
 */
const [path = "", perSecond = "", capacity = "", forMs = ""] = process.argv.slice(2);
const limit = { name: "host/read", perSecond: Number(perSecond), capacity: Number(capacity), learned: false };
const signal = AbortSignal.timeout(Number(forMs));
await using store = new SharedRates(path, (reason) => process.stderr.write(`alone: ${reason}\n`));
const budget = new RateBudget({ store, onChange: () => undefined });
try {
  for (;;) {
    await budget.take([{ limit, tokens: 1 }], signal);
    process.stdout.write(`${performance.timeOrigin + performance.now()}\n`);
  }
} catch (error) {
  if (!signal.aborted) throw error;
}
