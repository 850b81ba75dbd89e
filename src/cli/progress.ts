import { Presets, SingleBar } from "cli-progress";
import type { Progress } from "./command.ts";

const LINE_EVERY_MS = 5_000;

/**
 * Progress of long work on stderr: a bar on a terminal, at most one plain line every five seconds elsewhere. `total` is
 * null where nobody knows it.
 */
export function startProgress(
  label: string,
  total: number | null,
  stream: NodeJS.WriteStream = process.stderr,
): Progress {
  return stream.isTTY && total !== null ? bar(label, total, stream) : lines(label, total, stream);
}

/** For `--json`, where nothing but the result is wanted. */
export const noProgress: Progress = { update() {}, stop() {} };

function bar(label: string, total: number, stream: NodeJS.WriteStream): Progress {
  const shown = new SingleBar(
    {
      format: `${label} {bar} {percentage}% | {value}/{total} {note}`,
      stream,
      hideCursor: true,
      clearOnComplete: false,
    },
    Presets.shades_classic,
  );
  shown.start(total, 0, { note: "" });
  return {
    update: (done, note = "") => shown.update(done, { note }),
    stop: () => shown.stop(),
  };
}

function lines(label: string, total: number | null, stream: NodeJS.WriteStream): Progress {
  let last = performance.now();
  let latest: string | null = null;
  return {
    update(done, note) {
      latest = `${label}: ${done}${total === null ? "" : ` of ${total}`}${note === undefined ? "" : `, ${note}`}\n`;
      const now = performance.now();
      if (now - last < LINE_EVERY_MS) return;
      last = now;
      stream.write(latest);
      latest = null;
    },
    stop() {
      if (latest !== null) stream.write(latest);
    },
  };
}
