import { parseTime } from "../../model/time.ts";
import { digest } from "./digest.ts";
import { isObject, jsonText, type JsonObject } from "./fields.ts";
import type { Defect } from "./defect.ts";
import type { Memory } from "./memory.ts";

/** Announced fee changes that are remembered. */
const MOST = 20_000;

/**
 * Facts of the whole exchange that only REST tells, as rows of `market_lifecycle` without a market, one whenever they
 * change: `exchange_status` (open or paused), `exchange_schedule`, and each announced fee change once, with the time from
 * which it is in force. `detail` is the venue's own object.
 */
export class Bulletins {
  readonly #memory: Memory;

  readonly #quarantine: (defect: Defect) => void;

  constructor(memory: Memory, quarantine: (defect: Defect) => void) {
    this.#memory = memory;
    this.#quarantine = quarantine;
  }

  /** False where the path is none of these. */
  read(path: string, answer: JsonObject): boolean {
    switch (path) {
      case "/exchange/status":
        this.#status(answer);
        return true;
      case "/exchange/schedule":
        if (this.#isNews("exchange_schedule", answer)) this.#emit("exchange_schedule", answer);
        return true;
      case "/series/fee_changes":
        this.#fees("series_fee_change", answer["series_fee_change_arr"]);
        return true;
      case "/events/fee_changes":
        this.#fees("event_fee_change", answer["event_fee_changes"]);
        return true;
      // Closed on 2026-07-04 (docs.kalshi.com changelog).
      case "/exchange/announcements":
        return true;
      default:
        return false;
    }
  }

  #status(answer: JsonObject): void {
    const { trading_active: trading, exchange_active: active } = answer;
    if (typeof trading !== "boolean" || typeof active !== "boolean") {
      return this.#quarantine({
        reason: "missing_field",
        detail: "/exchange/status: trading_active or exchange_active",
      });
    }
    if (!this.#isNews("exchange_status", answer)) return;
    this.#emit("exchange_status", answer, { toStatus: trading && active ? "open" : "paused" });
  }

  #fees(kind: string, changes: unknown): void {
    if (!Array.isArray(changes)) {
      return this.#quarantine({ reason: "missing_field", detail: `${kind}: no list of changes` });
    }
    for (const change of changes as unknown[]) {
      if (!isObject(change)) {
        this.#quarantine({ reason: "missing_field", detail: `${kind}: a change that is no object` });
        continue;
      }
      const { id, scheduled_ts: scheduled } = change;
      if (!this.#isNews(`${kind}/${typeof id === "string" ? id : jsonText(change)}`, change)) continue;
      this.#emit(kind, change, { ts: typeof scheduled === "string" ? parseTime(scheduled) : null });
    }
  }

  #isNews(name: string, answer: JsonObject): boolean {
    const { bulletins } = this.#memory;
    const now = digest(jsonText(answer) ?? "");
    if (bulletins.get(name) === now) return false;
    bulletins.set(name, now);
    const [oldest] = bulletins.keys();
    if (bulletins.size > MOST && oldest !== undefined) bulletins.delete(oldest);
    return true;
  }

  #emit(kind: string, said: JsonObject, more: { ts?: number | null; toStatus?: "open" | "paused" | null } = {}): void {
    const instrument = this.#memory.instruments.get("kalshi", "", null);
    const steps = { ts: more.ts ?? null, fromStatus: null, toStatus: more.toStatus ?? null };
    this.#memory.emit({ type: "lifecycle", instrument, ...steps, kind, detail: jsonText(said) ?? "null" });
  }
}
