import Table from "cli-table3";
import { z } from "zod";
import { readText } from "../config/environment.ts";
import { nearest } from "../config/nearest.ts";
import { type Preset, presets } from "../config/presets.ts";
import { isTree, type Tree } from "../config/tree.ts";
import { UsageError } from "../ops/errors.ts";
import { type CommandContext, defineCommand } from "./command.ts";
import { checkListener, readConfigured, readStored, type SourcedListener } from "./listener-source.ts";
import { ListenerStore, type StoredListener } from "./listener-store.ts";

const actions = ["list", "add", "edit", "pause", "resume", "remove"] as const;
type Action = (typeof actions)[number];

interface Given {
  readonly preset: string | undefined;
  readonly venue: string | undefined;
  readonly filter: readonly string[];
  readonly with: readonly string[];
}

/** `foretape listeners`: those of the configuration are shown, those of the tape's database changed. */
export const listenersCommand = defineCommand({
  name: "listeners",
  summary: "lists, adds, edits, pauses, resumes or removes listeners",
  description:
    "Listeners stand in the configuration or in the tape's database (foretape.sqlite). This command changes those of the database; those of the configuration are changed there (`paused: true` pauses one). A running `record` takes over either within a few seconds.",
  arguments: [
    { name: "action", description: `${actions.join(", ")} (default: list)`, optional: true },
    { name: "name", description: "the listener", optional: true },
  ],
  options: {
    preset: { value: "<name>", description: `ready-made: ${Object.keys(presets).join(", ")}` },
    venue: { value: "<venue>", description: "for example kalshi" },
    filter: {
      value: "<key=value...>",
      description:
        "filters, lists with commas, for example series_tickers=KXHIGHNY,KXHIGHCHI; an empty value takes one out",
      schema: z.array(z.string()).default([]),
    },
    with: {
      value: "<key=value...>",
      description: "other keys of a listener, for example max_markets=500 channels=book,trades",
      schema: z.array(z.string()).default([]),
    },
  },
  examples: [
    "foretape listeners",
    "foretape listeners add weather --venue kalshi --filter series_tickers=KXHIGHNY,KXHIGHCHI",
    "foretape listeners add --preset polymarket-nba",
    "foretape listeners edit weather --filter min_volume=100 --with discovery_every=1m",
    "foretape listeners pause weather",
  ],
  async run(context, options, [word = "list", name]) {
    const action = actions.find((each) => each === word);
    if (action === undefined) {
      const near = nearest(word, actions);
      throw new UsageError(`there is no action ${word}`, {
        hint: near === null ? `there is ${actions.join(", ")}` : `did you mean ${near}?`,
      });
    }
    if (action === "list") return list(context);
    const changed = change(context, action, name, options);
    if (context.json) context.outJson(changed);
    else context.out(`${DONE[action]} listener ${changed.name}`);
  },
});

const DONE: Readonly<Record<Exclude<Action, "list">, string>> = {
  add: "added",
  edit: "changed",
  pause: "paused",
  resume: "resumed",
  remove: "removed",
};

function list({ config, sources, tape, json, out, outJson, log }: CommandContext): void {
  using store = ListenerStore.openExisting(tape);
  const { listeners: stored, invalid } = readStored(store?.list() ?? []);
  const all: readonly SourcedListener[] = [...readConfigured({ config, sources }), ...stored];
  for (const [name, problem] of invalid) log.warn(`listener ${name} in the database is not valid: ${problem}`);
  if (json) return outJson({ listeners: all.map(({ listener, source }) => ({ ...listener, source })) });
  const table = new Table({
    head: ["name", "venue", "filters", "markets", "channels", "state", "in"],
    style: { head: [], border: [] },
  });
  for (const { listener, source } of all) {
    table.push([
      listener.name,
      listener.venue,
      filtersText(listener.filters),
      `≤ ${listener.max_markets}`,
      listener.channels.join(" "),
      listener.paused ? "paused" : "active",
      source,
    ]);
  }
  out(table.toString());
}

/** Only what filters something. */
function filtersText(filters: object): string {
  const said = Object.entries(filters).flatMap(([key, value]: [string, unknown]) => {
    const isEmpty = value === "" || value === 0 || (Array.isArray(value) && value.length === 0);
    return isEmpty ? [] : [`${key}: ${Array.isArray(value) ? value.join(", ") : String(value)}`];
  });
  return said.join("\n") || "none";
}

function change(
  context: CommandContext,
  action: Exclude<Action, "list">,
  name: string | undefined,
  given: Given,
): StoredListener {
  const preset = given.preset === undefined ? {} : presetOf(given.preset);
  const wanted = name ?? (action === "add" ? preset["name"] : undefined);
  if (typeof wanted !== "string")
    throw new UsageError("which listener?", { hint: `foretape listeners ${action} <name>` });
  const configured = readConfigured(context).find(
    ({ listener, source }) => listener.name === wanted && source !== "the default",
  );
  if (configured !== undefined) {
    throw new UsageError(`listener ${wanted} stands in ${configured.source}`, {
      hint: action === "pause" ? "put `paused: true` there" : "change it there; a running record takes it over",
    });
  }
  if (action === "add") {
    const definition = assign({ venue: given.venue, filters: {}, ...preset, name: wanted }, given);
    checkListener(definition);
    using store = ListenerStore.open(context.tape);
    if (store.list().some((stored) => stored.name === wanted))
      throw new UsageError(`there is a listener ${wanted} already`, { hint: `foretape listeners edit ${wanted} …` });
    const added = { name: wanted, definition, isActive: true };
    store.put(added);
    return added;
  }
  using store = ListenerStore.openExisting(context.tape);
  const stored = store?.list() ?? [];
  const before = stored.find((each) => each.name === wanted);
  if (store === null || before === undefined) {
    const near = nearest(
      wanted,
      stored.map((each) => each.name),
    );
    throw new UsageError(`the database has no listener ${wanted}`, {
      hint: near === null ? "foretape listeners shows all" : `did you mean ${near}?`,
    });
  }
  if (action === "remove") {
    store.remove(wanted);
    return before;
  }
  const after = action === "edit" ? edited(before, given, preset) : { ...before, isActive: action === "resume" };
  store.put(after);
  return after;
}

function edited(before: StoredListener, given: Given, preset: Tree): StoredListener {
  if (given.filter.length === 0 && given.with.length === 0 && given.venue === undefined && given.preset === undefined)
    throw new UsageError("nothing to change", { hint: "give --filter key=value or --with key=value" });
  const venue = given.venue === undefined ? {} : { venue: given.venue };
  const definition = assign({ ...before.definition, ...preset, ...venue, name: before.name }, given);
  checkListener(definition);
  return { ...before, definition };
}

/** Puts the given filters and keys into a definition; an empty value takes a key out. */
function assign(definition: Tree, given: Given): Tree {
  const set = (tree: Tree, flag: string, path: readonly string[], assignment: string): void => {
    const at = assignment.indexOf("=");
    if (at <= 0) throw new UsageError(`${flag} ${assignment} has no value`, { hint: `write ${flag} key=value` });
    const key = assignment.slice(0, at);
    const text = assignment.slice(at + 1);
    if (text === "") delete tree[key];
    else tree[key] = readText(["listeners", 0, ...path, key], text, `${flag} ${key}`);
  };
  const filters: Tree = isTree(definition["filters"]) ? { ...definition["filters"] } : {};
  for (const assignment of given.filter) set(filters, "--filter", ["filters"], assignment);
  const result: Tree = { ...definition, filters };
  for (const assignment of given.with) set(result, "--with", [], assignment);
  return result;
}

function presetOf(name: string): Tree {
  if (Object.hasOwn(presets, name)) return { ...presets[name as Preset] };
  const near = nearest(name, Object.keys(presets));
  throw new UsageError(`there is no preset ${name}`, {
    hint: near === null ? `there is ${Object.keys(presets).join(", ")}` : `did you mean ${near}?`,
  });
}
