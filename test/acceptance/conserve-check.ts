import { type Check, Failure, must } from "./check.ts";
import { conserveSeeds } from "./conserve-seeds.ts";
import { VENUES } from "./fault-mix.ts";

const LEAST_EVENTS = 5_000_000;

export const conserveCheck: Check = {
  name: "conserve",
  promise: `with every fault mixed on ${VENUES.length} venues: nothing is lost silently, twice, made up or changed; gaps say what was lost and hardly more`,
  async run({ seed, scale, dir, note }) {
    const count = { full: 200, ci: 20, test: 1 }[scale];
    const seeds = Array.from({ length: count }, (_, i) => `${seed.split("/")[0]}-${i + 1}`);
    const session = {
      full: { seconds: 8, rate: 7_500 },
      ci: { seconds: 3, rate: 1_500 },
      test: { seconds: 3, rate: 1_000 },
    }[scale];
    const jobs = scale === "test" ? 2 : 4;
    const { figures, failures } = await conserveSeeds({ seeds, dir, jobs, keep: false, note, ...session });
    if (failures.length > 0)
      throw new Failure(`${failures.length} of ${count} seeds:\n${failures.slice(0, 5).join("\n")}`);
    const events = Number(figures["events"]);
    must(scale !== "full" || events >= LEAST_EVENTS, `${events} events are too few to show it`);
    return figures;
  },
};
