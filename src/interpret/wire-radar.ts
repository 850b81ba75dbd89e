import type { Micros } from "../model/time.ts";
import { differences, type Wire } from "../venues/wire-shape.ts";

const SECOND: Micros = 1_000_000;
/** A type is looked at whole this often, in the records' time; frames that are suspicious are looked at besides. */
const LOOK_EVERY = SECOND;
const SUSPICIOUS_PER_LOOK = 50;
/** Messages of one frame that are looked at: Polymarket's first books are hundreds. */
const MESSAGES_PER_FRAME = 16;
/** Frames are counted against rows for this long, or until there are enough to judge by. */
const JUDGED_EVERY = 15 * SECOND;
const ENOUGH_FRAMES = 10;
const LOWEST_SHARE = 0.5;
/** A change that was gone is told again when it comes back after this long; one that stays, once a day. */
const AWAY = 600 * SECOND;
const AGAIN = 86_400 * SECOND;
/** What a venue can make us remember. */
const MOST_TYPES = 200;
const MOST_CHANGES = 50;

/** What the radar says of a venue's message type; `changes` are the sentences of the rows of `quarantine`. */
export interface WireDrift {
  readonly venue: string;
  readonly type: string;
  readonly changes: readonly string[];
}

/**
 * Notices when a venue's messages change: samples of each type are compared with the shapes that the interpreter was
 * written for, and frames are counted against those that made a row. A pure function of the records.
 */
export class WireRadar {
  readonly #venue: string;
  readonly #wire: Wire;
  readonly #alarm: (drift: WireDrift) => void;
  readonly #types = new Map<string, SeenType>();
  #judgeAt: Micros = 0;

  constructor(venue: string, wire: Wire, alarm: (drift: WireDrift) => void, saved?: unknown) {
    this.#venue = venue;
    this.#wire = wire;
    this.#alarm = alarm;
    if (saved !== undefined) this.#restore(saved as Saved);
  }

  /** A connection begins: the venue may speak otherwise than before, so the next message of each type is looked at. */
  connected(): void {
    for (const type of this.#types.values()) type.lookAt = 0;
  }

  /** A frame was interpreted. `suspicious`: it was refused by a fast path, or some of it is in quarantine. */
  received(frame: Buffer, now: Micros, madeRow: boolean, suspicious: boolean): void {
    const name = this.#wire.typeOf(frame);
    if (name === null) return;
    const type = this.#types.get(name) ?? this.#type(name);
    type.frames++;
    if (madeRow) type.rows++;
    if (now >= type.lookAt) {
      type.lookAt = now + LOOK_EVERY;
      type.left = SUSPICIOUS_PER_LOOK;
    } else if (!suspicious || type.left-- <= 0) return;
    this.#look(frame, now);
  }

  /** Time has come to `now`. */
  wake(now: Micros): void {
    if (now < this.#judgeAt) return;
    if (this.#judgeAt > 0) for (const [name, type] of this.#types) this.#judge(name, type, now);
    this.#judgeAt = now + JUDGED_EVERY;
  }

  #judge(name: string, type: SeenType, now: Micros): void {
    if (type.frames < ENOUGH_FRAMES) return;
    const { frames, rows } = type;
    type.frames = 0;
    type.rows = 0;
    if (!Object.hasOwn(this.#wire.types, name) || this.#wire.types[name]?.makesRow !== true) return;
    const collapsed = rows < frames * LOWEST_SHARE;
    const news = type.share.see(collapsed ? ["frames make no rows"] : [], now);
    if (news.length === 0) return;
    this.#alarm({ venue: this.#venue, type: name, changes: [`${rows} of the last ${frames} frames made a row`] });
  }

  #look(frame: Buffer, now: Micros): void {
    let read: unknown;
    try {
      read = JSON.parse(frame.toString("utf8"));
    } catch {
      // A frame that is no JSON is the interpreter's to report.
      return;
    }
    const found = new Map<string, Set<string>>();
    for (const message of this.#wire.messages(read).slice(0, MESSAGES_PER_FRAME)) {
      const changes = found.get(message.type) ?? new Set<string>();
      for (const change of differences(this.#wire.types, message)) changes.add(change);
      found.set(message.type, changes);
    }
    for (const [name, changes] of found) {
      const news = this.#type(name).shape.see([...changes], now);
      if (news.length > 0) this.#alarm({ venue: this.#venue, type: name, changes: news });
    }
  }

  /** Types that a venue makes up without end share one entry. */
  #type(name: string): SeenType {
    const key = this.#types.has(name) || this.#types.size < MOST_TYPES ? name : "";
    let type = this.#types.get(key);
    if (type === undefined) {
      type = { frames: 0, rows: 0, lookAt: 0, left: 0, shape: new Changes(), share: new Changes() };
      this.#types.set(key, type);
    }
    return type;
  }

  save(): unknown {
    const types = Array.from(this.#types, ([name, type]) => ({
      ...type,
      name,
      shape: type.shape.save(),
      share: type.share.save(),
    }));
    return { judgeAt: this.#judgeAt, types } satisfies Saved;
  }

  #restore({ judgeAt, types }: Saved): void {
    this.#judgeAt = judgeAt;
    for (const { name, shape, share, ...type } of types) {
      this.#types.set(name, { ...type, shape: new Changes(shape), share: new Changes(share) });
    }
  }
}

interface Counts {
  /** Frames since the last judgement, and those of them that made a row. */
  frames: number;
  rows: number;
  lookAt: Micros;
  /** Suspicious frames that may still be looked at until then. */
  left: number;
}

interface SeenType extends Counts {
  readonly shape: Changes;
  readonly share: Changes;
}

interface Saved {
  readonly judgeAt: Micros;
  readonly types: readonly (Counts & { name: string; shape: readonly Change[]; share: readonly Change[] })[];
}

interface Change {
  readonly what: string;
  seenAt: Micros;
  toldAt: Micros;
  /** The latest message looked at was without it. */
  gone: boolean;
}

/** The changes that are known of one type, so that each is told once. */
class Changes {
  #known: Change[];

  constructor(saved: readonly Change[] = []) {
    this.#known = saved.map((change) => ({ ...change }));
  }

  /** Takes what one look found; gives what is to be told. */
  see(found: readonly string[], now: Micros): readonly string[] {
    if (this.#known.length === 0 && found.length === 0) return [];
    const news: string[] = [];
    for (const change of this.#known) if (!found.includes(change.what)) change.gone = true;
    this.#known = this.#known.filter(({ gone, seenAt }) => !gone || now - seenAt < AGAIN);
    for (const what of found) {
      let change = this.#known.find((each) => each.what === what);
      const isNews =
        change === undefined || (change.gone && now - change.seenAt >= AWAY) || now - change.toldAt >= AGAIN;
      if (change === undefined) {
        if (this.#known.length >= MOST_CHANGES) continue;
        change = { what, seenAt: now, toldAt: now, gone: false };
        this.#known.push(change);
      }
      if (isNews) {
        news.push(what);
        change.toldAt = now;
      }
      change.seenAt = now;
      change.gone = false;
    }
    return news;
  }

  save(): readonly Change[] {
    return this.#known.map((change) => ({ ...change }));
  }
}
