import type { Check } from "../tape/check.ts";
import { verifyTape } from "../tape/verify.ts";
import { defineCommand, type Progress } from "./command.ts";

const SIGNS: Readonly<Record<Check["status"], string>> = { ok: "ok  ", note: "note", fail: "FAIL" };

/** `foretape verify`: audits a tape. */
export const verifyCommand = defineCommand({
  name: "verify",
  summary: "audits a tape: continuity, books, duplicates, coverage, checksums",
  description:
    "One line a check; exit code 1 on unexplained loss or corruption. Nothing is changed. The whole journal is interpreted again and compared with the tables, unless --quick is given.",
  options: { quick: { description: "checksums and continuity only" } },
  examples: ["foretape verify", "foretape verify --quick --json"],
  async run({ tape, json, out, outJson, signal, progress }, { quick }) {
    const checks: Check[] = [];
    let bar: Progress | null = null;
    let barOf = "";
    const stopBar = (): void => {
      bar?.stop();
      bar = null;
      barOf = "";
    };
    const onProgress = (journal: string, frame: number, frames: number): void => {
      if (journal !== barOf) {
        stopBar();
        bar = progress(`interpreting ${journal}`, frames);
        barOf = journal;
      }
      bar?.update(frame);
    };
    try {
      for await (const check of verifyTape({ tape, quick, signal, progress: onProgress })) {
        stopBar();
        checks.push(check);
        if (!json)
          out(
            `${SIGNS[check.status]}  ${check.check.padEnd(9)}  ${check.journal === null ? "" : `${check.journal}: `}${check.detail}`,
          );
      }
    } finally {
      stopBar();
    }
    const failed = checks.filter(({ status }) => status === "fail").length;
    if (json) outJson({ ok: failed === 0, checks });
    else out(failed === 0 ? "no unexplained loss, no corruption" : `${failed} of ${checks.length} checks failed`);
    return failed === 0 ? 0 : 1;
  },
});
