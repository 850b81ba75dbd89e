const SEPARATOR = ",";

/**
 * The listeners that want a market, as `subscriptions.listener` shows them: their names in the order in which they came
 * to want it, separated by commas. Null: none.
 */
export function withListener(names: string | null, listener: string): string {
  if (names === null || names === "") return listener;
  return names.split(SEPARATOR).includes(listener) ? names : `${names}${SEPARATOR}${listener}`;
}

/** The names without those that are not to stay. */
export function keepListeners(names: string | null, stays: (listener: string) => boolean): string | null {
  const kept = names?.split(SEPARATOR).filter(stays).join(SEPARATOR) ?? "";
  return kept === "" ? null : kept;
}
