/** Why a message, or a part of one, cannot be used. `reason` is a stable word, `detail` says what exactly. */
export interface Defect {
  readonly reason:
    | "malformed_json"
    | "invalid_utf8"
    | "not_an_object"
    | "unknown_type"
    | "missing_field"
    | "bad_number"
    | "bad_time"
    | "bad_levels"
    | "duplicate_sequence"
    | "unknown_sid"
    | "error_message"
    | "unreadable_command"
    | "http_status"
    | "http_body"
    | "unknown_path";
  readonly detail: string;
}

/** Shortens text of the venue for a detail. */
export function shorten(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
}
