import type { WireDrift } from "../interpret/wire-radar.ts";

const SHOWN = 5;

/** The one line that tells the user of a change; the whole of it is in `quarantine`. */
export function driftMessage({ venue, type, changes }: WireDrift): string {
  const shown = changes.slice(0, SHOWN).join(", ");
  const more = changes.length > SHOWN ? ` and ${changes.length - SHOWN} more` : "";
  return `${venue} changed its messages: ${type === "" ? "one without a type" : type}: ${shown}${more}. Every frame is still recorded; see quarantine, reason wire_drift`;
}
