/** Seconds of a window in which an active market shows itself. */
const WINDOW = 5;
/** What a window more tells: a market is known as active after two minutes, and forgotten as such as fast. */
const KEEP = 11 / 12;
/** Share of windows with a frame from which a market counts as active. */
const ACTIVE = 0.8;

/**
 * Which markets of a connection are active, learned from nothing but when their frames come: a market shows itself in
 * most windows of five seconds, or it does not. Rates would not do: a market that trades in bursts has a high rate and
 * long silences. Names are compared by hash and times kept in whole seconds, because this looks at every frame.
 */
export class MarketActivity {
  #names: readonly string[] = [];
  /** Open addressing: hash and market number plus one, 0 where a place is free. */
  #hashes = new Int32Array(0);
  #slots = new Int32Array(0);
  #mask = 0;
  #seed = 0x811c9dc5;
  /** By market: the second of its last frame, 0 for none, and the share of windows with one, up to that frame. */
  #last = new Int32Array(0);
  #share = new Float32Array(0);

  /** From now on these markets are looked at; what is known of those that stay is kept. */
  watch(names: readonly string[]): void {
    const known = new Map(this.#names.map((name, slot) => [name, slot]));
    const last = new Int32Array(names.length);
    const share = new Float32Array(names.length);
    for (const [slot, name] of names.entries()) {
      const before = known.get(name);
      if (before === undefined) continue;
      last[slot] = this.#last[before] ?? 0;
      share[slot] = this.#share[before] ?? 0;
    }
    this.#names = names;
    this.#last = last;
    this.#share = share;
    // Two markets with one hash would hide each other's silence: another seed tells them apart.
    while (!this.#index()) this.#seed = Math.imul(this.#seed, 0x01000193) | 1;
  }

  /** A frame about the market whose name begins at `from` and ends with a quotation mark. */
  note(frame: Buffer, from: number, second: number): void {
    let hash = this.#seed;
    for (let i = from, c = frame[i]; c !== 34 && c !== undefined; c = frame[++i])
      hash = Math.imul(hash ^ c, 0x01000193);
    hash ^= hash >>> 15;
    for (let at = hash & this.#mask; ; at = (at + 1) & this.#mask) {
      const slot = (this.#slots[at] ?? 0) - 1;
      if (slot < 0) return;
      if (this.#hashes[at] !== hash) continue;
      if (this.#last[slot] !== second) this.#advance(slot, second);
      return;
    }
  }

  /** Active markets without a frame for so many seconds, with the second of their last one. */
  silent(second: number, forSeconds: number): { readonly market: string; readonly last: number }[] {
    const found = [];
    const before = second - forSeconds;
    for (let slot = 0; slot < this.#last.length; slot++) {
      const last = this.#last[slot] ?? 0;
      if (last > before || (this.#share[slot] ?? 0) < ACTIVE) continue;
      found.push({ market: this.#names[slot] ?? "", last });
    }
    return found;
  }

  /** This market is quiet by nature now: it has to show itself anew to be active. */
  calm(market: string): void {
    const slot = this.#names.indexOf(market);
    if (slot >= 0) this.#share[slot] = 0;
  }

  /** Silence that we made ourselves, or that was announced, is none. */
  shift(seconds: number): void {
    for (let slot = 0; slot < this.#last.length; slot++) if (this.#last[slot] !== 0) this.#last[slot]! += seconds;
  }

  #advance(slot: number, second: number): void {
    const last = this.#last[slot] ?? 0;
    this.#last[slot] = second;
    const windows = Math.floor(second / WINDOW) - Math.floor(last / WINDOW);
    if (windows <= 0) return;
    const share = this.#share[slot] ?? 0;
    this.#share[slot] = (windows === 1 ? share : share * KEEP ** (windows - 1)) * KEEP + (1 - KEEP);
  }

  /** False where two names have the same hash. */
  #index(): boolean {
    const size = 2 ** Math.ceil(Math.log2(this.#names.length * 2 + 2));
    this.#mask = size - 1;
    this.#hashes = new Int32Array(size);
    this.#slots = new Int32Array(size);
    for (const [slot, name] of this.#names.entries()) {
      let hash = this.#seed;
      for (const c of Buffer.from(name)) hash = Math.imul(hash ^ c, 0x01000193);
      hash ^= hash >>> 15;
      let at = hash & this.#mask;
      for (; (this.#slots[at] ?? 0) !== 0; at = (at + 1) & this.#mask) if (this.#hashes[at] === hash) return false;
      this.#hashes[at] = hash;
      this.#slots[at] = slot + 1;
    }
    return true;
  }
}
