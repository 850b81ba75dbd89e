import type { Micros } from "../model/time.ts";

interface Entry {
  readonly at: Micros;
  readonly order: number;
  readonly run: () => void;
}

/** What is to happen when: a binary heap; entries for the same time run in the order in which they were added. */
export class Agenda {
  readonly #heap: Entry[] = [];
  #order = 0;

  add(at: Micros, run: () => void): void {
    const heap = this.#heap;
    const entry = { at, order: this.#order++, run };
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent] as Entry;
      if (before(above, entry)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = entry;
  }

  /** Removes the next entry that is due, null where there is none. */
  take(until: Micros): Entry | null {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.at > until) return null;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Entry, heap[child] as Entry)) child++;
      const below = heap[child] as Entry;
      if (before(last, below)) break;
      heap[i] = below;
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
