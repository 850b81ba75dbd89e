import type { Path } from "./fields.ts";

/** A configuration before it is checked: nested objects and lists. */
export type Tree = Record<string, unknown>;

/** Whether a value has keys of its own: an object or a list. */
export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null;
}

/** Puts a value at a path, making the objects (or, before an index, the lists) on the way. */
export function put(tree: Tree, path: Path, value: unknown): void {
  let place: Tree = tree;
  for (const [depth, key] of path.slice(0, -1).entries()) {
    const next = place[key];
    if (isTree(next)) place = next;
    else {
      const made: object = typeof path[depth + 1] === "number" ? [] : {};
      place[key] = made;
      place = made as Tree;
    }
  }
  const last = path.at(-1);
  if (last !== undefined) place[last] = value;
}

/** The value at a path, undefined where there is none. */
export function get(tree: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (place, key) => (isTree(place) && Object.hasOwn(place, key) ? place[key] : undefined),
    tree,
  );
}

/** A path as people write it: `listeners.0.filters`. */
export function written(path: Path): string {
  return path.join(".");
}

/** Reads a path as people write it; digits are indices. */
export function readPath(text: string): Path {
  return text.split(".").map((key) => (/^\d+$/.test(key) ? Number(key) : key));
}
