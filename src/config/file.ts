import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { messageOf, UsageError } from "../ops/errors.ts";
import type { Path } from "./fields.ts";
import { isTree, type Tree, written } from "./tree.ts";

/** A configuration file as read: its values, and for each path the line that says it. */
export interface ConfigFile {
  readonly values: Tree;
  /** Path → `foretape.yaml:12`. */
  readonly origins: ReadonlyMap<string, string>;
}

/** Reads a YAML (or JSON) file. Throws `UsageError` with the line where it cannot be read. */
export function readConfigFile(file: string): ConfigFile {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new UsageError(`cannot read the configuration ${file}: ${messageOf(cause)}`, {
      cause,
      hint: "`foretape init` writes a commented configuration",
    });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new UsageError(`${file}:${line}:${col} is no YAML: ${error.message}`, { cause: error });
  }
  const values: unknown = document.toJS() ?? {};
  if (!isTree(values) || Array.isArray(values))
    throw new UsageError(`${file} holds no keys`, { hint: "a configuration is a YAML mapping" });
  const origins = new Map<string, string>();
  const note = (node: Node | null, path: Path, offset: number | undefined): void => {
    if (offset !== undefined) origins.set(written(path), `${basename(file)}:${lines.linePos(offset).line}`);
    if (isSeq(node))
      for (const [index, item] of node.items.entries()) note(item as Node, [...path, index], (item as Node).range?.[0]);
    if (!isMap(node)) return;
    for (const pair of node.items) {
      if (isPair(pair) && isScalar(pair.key)) {
        note(pair.value as Node | null, [...path, String(pair.key.value)], pair.key.range?.[0]);
      }
    }
  };
  note(document.contents, [], undefined);
  return { values, origins };
}
