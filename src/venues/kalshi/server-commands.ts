/** Kalshi's error codes and texts (docs.kalshi.com, AsyncAPI, `error`). */
export const ERRORS = {
  1: "Unable to process message",
  2: "Params required",
  3: "Channels required",
  4: "Subscription IDs required",
  5: "Unknown command",
  7: "Unknown subscription ID",
  8: "Unknown channel name",
  9: "Authentication required",
  10: "Channel error",
  11: "Invalid parameter",
  12: "Exactly one subscription ID is required",
  13: "Unsupported action",
  14: "Market Ticker required",
  15: "Action required",
  18: "Command timeout",
  25: "Subscription buffer overflow",
  26: "Subscription market limit exceeded",
  27: "Too many requests",
} as const satisfies Record<number, string>;

export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(code: number): code is ErrorCode {
  return code in ERRORS;
}

export type Command =
  | {
      readonly cmd: "subscribe";
      readonly id: number;
      readonly channels: readonly string[];
      /** Null: all markets. */
      readonly tickers: readonly string[] | null;
      readonly yesPrice: boolean;
      readonly quietAck: boolean;
      /** Ticker channel: say where each market stands at once. */
      readonly initial: boolean;
    }
  | { readonly cmd: "unsubscribe"; readonly id: number; readonly sids: readonly number[] }
  | {
      readonly cmd: "update_subscription";
      readonly id: number;
      readonly sid: number;
      readonly action: "add_markets" | "delete_markets" | "get_snapshot";
      readonly tickers: readonly string[];
    }
  | { readonly cmd: "list_subscriptions"; readonly id: number }
  | { readonly cmd: "error"; readonly id: number; readonly code: ErrorCode };

/** The index channel's own words (docs.kalshi.com/websockets/cfbenchmarks-value). */
const INDEX_ACTIONS: Readonly<Record<string, string>> = {
  subscribe_indices: "add_markets",
  unsubscribe_indices: "delete_markets",
};

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isText = (value: unknown): value is string => typeof value === "string";
const isInteger = (value: unknown): value is number => Number.isInteger(value);

/** What the index channel is narrowed by in place of tickers. */
function indicesOf({ index_ids: ids }: Record<string, unknown>): readonly string[] | null {
  return Array.isArray(ids) && ids.length > 0 && ids.every(isText) ? ids : null;
}

/** The tickers of a command; null where it names none; `error` where they make no sense. */
function tickersOf(params: Record<string, unknown>): readonly string[] | null | "error" {
  const { market_ticker: one, market_tickers: many } = params;
  if (one !== undefined && many !== undefined) return "error";
  if (one !== undefined) return isText(one) ? [one] : "error";
  if (many === undefined) return indicesOf(params);
  if (!Array.isArray(many) || !many.every(isText)) return "error";
  return many.length === 0 ? null : many;
}

/** Reads a client's frame as the server does: what it cannot use becomes the error to answer. */
export function readCommand(text: string): Command {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    // Not JSON: the protocol answers with code 1.
    return { cmd: "error", id: 0, code: 1 };
  }
  if (!isRecord(message)) return { cmd: "error", id: 0, code: 1 };
  const id = isInteger(message.id) ? message.id : 0;
  const failed = (code: ErrorCode): Command => ({ cmd: "error", id, code });
  if (message.cmd === "list_subscriptions") return { cmd: "list_subscriptions", id };
  if (message.cmd !== "subscribe" && message.cmd !== "unsubscribe" && message.cmd !== "update_subscription") {
    return failed(5);
  }
  const { params } = message;
  if (!isRecord(params)) return failed(2);
  if (message.cmd === "subscribe") {
    const { channels } = params;
    if (!Array.isArray(channels) || channels.length === 0 || !channels.every(isText)) return failed(3);
    const tickers = tickersOf(params);
    if (tickers === "error") return failed(11);
    return {
      cmd: "subscribe",
      id,
      channels,
      tickers,
      yesPrice: params.use_yes_price === true,
      quietAck: params.skip_ticker_ack === true,
      initial: params.send_initial_snapshot === true,
    };
  }
  const { sids, sid } = params;
  const list = Array.isArray(sids) ? sids : isInteger(sid) && message.cmd === "update_subscription" ? [sid] : null;
  if (list === null || list.length === 0) return failed(4);
  if (!list.every(isInteger)) return failed(11);
  if (message.cmd === "unsubscribe") return { cmd: "unsubscribe", id, sids: list };
  const [only] = list;
  if (list.length !== 1 || only === undefined) return failed(12);
  const action = INDEX_ACTIONS[String(params.action)] ?? params.action;
  if (action === undefined) return failed(15);
  if (action !== "add_markets" && action !== "delete_markets" && action !== "get_snapshot") return failed(13);
  const tickers = tickersOf(params);
  if (tickers === "error") return failed(11);
  if (tickers === null) return failed(14);
  return { cmd: "update_subscription", id, sid: only, action, tickers };
}
