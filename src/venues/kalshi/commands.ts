import type { Micros } from "../../model/time.ts";
import type { Defect } from "./defect.ts";
import { integer, isObject } from "./fields.ts";

/** A command of ours that waits for its answer. */
export interface Command {
  readonly id: number;
  readonly kind: "subscribe" | "add_markets" | "delete_markets" | "get_snapshot" | "other";
  readonly sids: readonly number[];
  /** Channels not answered yet. */
  readonly channels: Set<string>;
  /** Null: no filter, the whole channel. For `get_snapshot` those not answered yet. */
  readonly markets: Set<string> | null;
  readonly useYesPrice: boolean | null;
  readonly at: Micros | null;
}

/** A command as JSON values. */
export interface SavedCommand extends Omit<Command, "channels" | "markets"> {
  readonly channels: readonly string[];
  readonly markets: readonly string[] | null;
}

/** The index channel's words for the same. */
const ACTIONS: Readonly<Record<string, string>> = {
  subscribe_indices: "add_markets",
  unsubscribe_indices: "delete_markets",
};

/** Reads a frame that we sent (docs.kalshi.com, WebSocket commands). */
export function readCommand(text: string, at: Micros | null): Command | Defect {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return { reason: "unreadable_command", detail: "a frame we sent is no JSON" };
  }
  const id = isObject(frame) ? integer(frame["id"]) : null;
  if (!isObject(frame) || id === null) return { reason: "unreadable_command", detail: "a frame we sent has no id" };
  const params = isObject(frame["params"]) ? frame["params"] : {};
  const single = params["market_ticker"];
  const listed = texts(params["market_tickers"]) ?? texts(params["index_ids"]);
  const action = ACTIONS[String(params["action"])] ?? params["action"];
  const isUpdate = action === "add_markets" || action === "delete_markets" || action === "get_snapshot";
  const sids = Array.isArray(params["sids"]) ? (params["sids"] as unknown[]) : [params["sid"]];
  const useYesPrice = params["use_yes_price"];
  return {
    id,
    kind:
      frame["cmd"] === "subscribe"
        ? "subscribe"
        : frame["cmd"] === "update_subscription" && isUpdate
          ? action
          : "other",
    sids: sids.map(integer).filter((sid) => sid !== null),
    channels: new Set(texts(params["channels"]) ?? []),
    markets: typeof single === "string" ? new Set([single]) : listed === null ? null : new Set(listed),
    useYesPrice: typeof useYesPrice === "boolean" ? useYesPrice : null,
    at,
  };
}

export function saveCommand(command: Command): SavedCommand {
  const { channels, markets } = command;
  return { ...command, channels: [...channels], markets: markets === null ? null : [...markets] };
}

export function restoreCommand(saved: SavedCommand): Command {
  const { channels, markets } = saved;
  return { ...saved, channels: new Set(channels), markets: markets === null ? null : new Set(markets) };
}

/** The texts in a list; null where there is no list. */
export function texts(value: unknown): string[] | null {
  return Array.isArray(value) ? (value as unknown[]).filter((item) => typeof item === "string") : null;
}
