import type { Random } from "../../src/exchange/random.ts";

/** A proof of one of the product's promises, run against the real program. */
export interface Check {
  readonly name: string;
  /** The promise in one sentence, as a reader of the measurements wants it. */
  readonly promise: string;
  /** Does the work and gives the figures that show it. Throws `Failure` where the promise does not hold. */
  run(context: CheckContext): Promise<Outcome>;
}

export interface CheckContext {
  readonly seed: string;
  readonly scale: Scale;
  /** An empty directory of this check's own. */
  readonly dir: string;
  readonly random: Random;
  /** Tells whoever watches how far it is. */
  note(text: string): void;
}

/** `full` as the product is proved; `ci` to end within minutes on two cores; `test` as part of the tests. */
export type Scale = "full" | "ci" | "test";

/** Figures by name, in the order in which they are to be shown; or why the check cannot run here. */
export type Outcome = Readonly<Record<string, string | number>> | { readonly skipped: string };

/** A promise that did not hold, with what shows it. */
export class Failure extends Error {
  override readonly name = "Failure";
}

/** Throws `Failure` unless the condition holds. */
export function must(condition: boolean, what: string | (() => string)): asserts condition {
  if (!condition) throw new Failure(typeof what === "string" ? what : what());
}
