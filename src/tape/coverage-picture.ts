import { formatTime, type Micros } from "../model/time.ts";
import { type CoverageRow, type CoverageState, coverageStates } from "./coverage.ts";
import type { CoverageWindow } from "./coverage-sql.ts";

const SIGNS: Readonly<Record<CoverageState, string>> = {
  observed: "█",
  quiet: "·",
  repaired: "+",
  gap: "×",
  unproven: "?",
  "not subscribed": " ",
};
/** Of the channels of a market that share a line, the first of these is shown. */
const ORDER: readonly CoverageState[] = ["gap", "repaired", "observed", "quiet", "unproven", "not subscribed"];
const STEPS: readonly Micros[] = [1, 5, 15, 60, 360, 1440].map((minutes) => minutes * 60_000_000);
const UNITS = [
  ["d", 1440 * 60_000_000],
  ["h", 60 * 60_000_000],
  ["min", 60_000_000],
  ["s", 1_000_000],
] as const;
const LABEL = 34;

/** The shortest step with which a window fits the terminal. */
export function stepFor(from: Micros, to: Micros, columns: number): Micros {
  const room = Math.max(10, columns - LABEL - 3);
  const week = 7 * 1440 * 60_000_000;
  return STEPS.find((step) => (to - from) / step < room - 1) ?? Math.ceil((to - from) / room / week) * week;
}

/** Lines of text: one for each market, or for each of its channels; a character a bucket. */
export class CoveragePicture {
  readonly #window: CoverageWindow;
  readonly #byChannel: boolean;
  #label: string | null = null;
  #cells: CoverageState[] = [];

  constructor(window: CoverageWindow, byChannel: boolean) {
    this.#window = window;
    this.#byChannel = byChannel;
  }

  head(): string {
    const { from, to, every } = this.#window;
    const [unit, length] = UNITS.find(([, micros]) => every % micros === 0) ?? ["s", 1_000_000];
    const legend = coverageStates
      .map((state) => `${SIGNS[state] === " " ? "blank" : SIGNS[state]} ${state}`)
      .join("   ");
    return `${formatTime(from)} to ${formatTime(to)}, a character is ${every / length} ${unit}\n${legend}\n`;
  }

  /** Takes a row, in order; gives the line that it ends, if any. */
  add(row: CoverageRow): string {
    const { from, every } = this.#window;
    const label = this.#byChannel ? `${row.venue} ${row.market} ${row.channel}` : `${row.venue} ${row.market}`;
    const line = label === this.#label ? "" : this.end();
    this.#label = label;
    const i = Math.floor(row.at / every) - Math.floor(from / every);
    const known = this.#cells[i] ?? "not subscribed";
    this.#cells[i] = ORDER.indexOf(row.state) < ORDER.indexOf(known) ? row.state : known;
    return line;
  }

  /** The last line. */
  end(): string {
    if (this.#label === null) return "";
    const cells = Array.from(this.#cells, (state) => SIGNS[state ?? "not subscribed"]).join("");
    this.#cells = [];
    return `${shorten(this.#label)} |${cells}|\n`;
  }
}

/** Both ends of a name tell more than its middle. */
function shorten(label: string): string {
  if (label.length <= LABEL) return label.padEnd(LABEL);
  return `${label.slice(0, LABEL - 13)}…${label.slice(-12)}`;
}
