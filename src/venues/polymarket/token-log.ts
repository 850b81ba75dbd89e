interface Entry {
  readonly bytes: string;
  /** Tokens that the command named. */
  readonly named: ReadonlySet<string>;
  /** Subscribe: the named tokens that are still subscribed because of it. Unsubscribe: empty. */
  readonly live: Set<string>;
}

/**
 * The commands in force on one connection, byte for byte. A subscribe is dropped when none of its tokens is
 * subscribed by it any more, an unsubscribe when no subscribe before it named one of its tokens.
 */
export class TokenLog {
  #entries: Entry[] = [];

  subscribed(text: string, tokens: Iterable<string>): void {
    const named = new Set(tokens);
    this.#entries.push({ bytes: text, named, live: new Set(named) });
  }

  unsubscribed(text: string, tokens: Iterable<string>): void {
    const named = new Set(tokens);
    for (const { live } of this.#entries) for (const token of named) live.delete(token);
    const kept: Entry[] = [];
    for (const entry of [...this.#entries, { bytes: text, named, live: new Set<string>() }]) {
      if (entry.live.size > 0 || kept.some((earlier) => [...entry.named].some((token) => earlier.named.has(token))))
        kept.push(entry);
    }
    this.#entries = kept;
  }

  inForce(): readonly { readonly sent: boolean; readonly bytes: string }[] {
    return this.#entries.map(({ bytes }) => ({ sent: true, bytes }));
  }
}
