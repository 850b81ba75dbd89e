/** One line of an audit. `note`: worth knowing, but neither loss nor corruption. */
export interface Check {
  readonly check: string;
  /** Null for what concerns the whole tape. */
  readonly journal: string | null;
  readonly status: "ok" | "note" | "fail";
  readonly detail: string;
}

/** Complaints of one check: all are counted, the first few are told. */
export class Findings {
  readonly #check: string;
  readonly #journal: string | null;
  readonly #told: string[] = [];
  #failures = 0;
  readonly #notes: string[] = [];

  constructor(check: string, journal: string | null) {
    this.#check = check;
    this.#journal = journal;
  }

  get failed(): boolean {
    return this.#failures > 0;
  }

  fail(detail: string): void {
    if (this.#failures++ < 5) this.#told.push(detail);
  }

  note(detail: string): void {
    this.#notes.push(detail);
  }

  /** The check's line. `fine` says what was looked at. */
  result(fine: string): Check {
    const more = this.#failures > this.#told.length ? [`and ${this.#failures - this.#told.length} more`] : [];
    const status = this.#failures > 0 ? "fail" : this.#notes.length > 0 ? "note" : "ok";
    const detail = [...this.#told, ...more, ...this.#notes, fine].filter((part) => part !== "").join("; ");
    return { check: this.#check, journal: this.#journal, status, detail };
  }
}

/** A number with a noun, the noun in its plural where it needs one. */
export function count(value: number, noun: string): string {
  return `${value} ${noun}${value === 1 ? "" : "s"}`;
}
