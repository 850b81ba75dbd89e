import { stripVTControlCharacters } from "node:util";

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const CLEAR_BELOW = "\u001b[J";
const CLEAR_LINE = "\u001b[K";

type Terminal = Pick<NodeJS.WriteStream, "write" | "columns" | "rows" | "writableNeedDrain">;

/**
 * A few lines at the end of a terminal that are drawn over each other, one write a time so that nothing flickers. What
 * else is written to the terminal goes through `above`. A terminal that does not keep up misses pictures; nobody waits.
 */
export class LiveView {
  readonly #terminal: Terminal;
  #lines = 0;
  #last: readonly string[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  draw(lines: readonly string[]): void {
    this.#last = lines;
    if (this.#terminal.writableNeedDrain) return;
    const shown = lines.slice(0, Math.max(1, (this.#terminal.rows || 24) - 1));
    const text = shown.map((line) => `${cut(line, (this.#terminal.columns || 80) - 1)}${CLEAR_LINE}\n`).join("");
    this.#terminal.write(`${HIDE_CURSOR}${this.#home()}${text}${CLEAR_BELOW}`);
    this.#lines = shown.length;
  }

  /** Lets something be written above the picture. */
  above(write: () => void): void {
    if (this.#lines > 0) this.#terminal.write(`${this.#home()}${CLEAR_BELOW}`);
    this.#lines = 0;
    write();
    if (this.#last.length > 0) this.draw(this.#last);
  }

  /** Leaves the last picture where it is. */
  stop(): void {
    this.#terminal.write(SHOW_CURSOR);
    this.#last = [];
    this.#lines = 0;
  }

  #home(): string {
    return this.#lines > 0 ? `\u001b[${this.#lines}A\r` : "";
  }
}

/** As much of a line as fits; one that is cut loses its colours. */
export function cut(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  if (plain.length <= columns) return line;
  return columns < 2 ? plain.slice(0, Math.max(0, columns)) : `${plain.slice(0, columns - 1)}…`;
}
