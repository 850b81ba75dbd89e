/** Announcements remembered; beyond, the oldest is forgotten and would count as new. */
const LIMIT = 4096;

/** Tells what is announced for the first time: venues repeat announcements, Polymarket more than a hundred times a minute. */
export class Announcements {
  readonly #seen = new Set<string>();

  isNew(announcement: string): boolean {
    if (this.#seen.has(announcement)) return false;
    this.#seen.add(announcement);
    if (this.#seen.size > LIMIT) {
      for (const oldest of this.#seen) {
        this.#seen.delete(oldest);
        break;
      }
    }
    return true;
  }
}
