/**
 * What a value of a message looks like: one or more kinds (`decimal|null`), an object, or a list of one thing. Kinds:
 * `text`, `decimal` (text that is a number, or empty), `whole` (an integer), `number`, `boolean`, `null`, `object`, `list`, `any`.
 */
export type Field = string | Shape | readonly [Field];

/** The keys of an object, each with what it holds. `key?` need not be there. */
export interface Shape {
  readonly [key: string]: Field;
}

/** One type of message. */
export interface MessageType {
  /** Where the shapes are from: page of the documentation, or capture. */
  readonly source: string;
  /** One for each generation of the wire format, the newest first. */
  readonly shapes: readonly [Shape, ...Shape[]];
  /** Every frame of this type becomes at least one row. */
  readonly makesRow?: true;
}

/** What is known of a venue's messages, so that a change of them is noticed. */
export interface Wire {
  readonly types: Readonly<Record<string, MessageType>>;
  /**
   * The type that a frame's bytes name, told cheaply: it is asked for every frame. Null: no message (a keep-alive).
   * Empty: it cannot be told without reading the frame.
   */
  typeOf(frame: Buffer): string | null;
  /** The messages of a frame that was read as JSON. */
  messages(frame: unknown): readonly TypedMessage[];
}

export interface TypedMessage {
  readonly type: string;
  readonly message: unknown;
}

/** Elements of a list that are looked at. */
const LOOKED_AT = 8;
const KEY_LENGTH = 60;

/**
 * How a message differs from the generation that it resembles most, a short sentence each, such as `msg.px is unknown`;
 * empty where it is as expected. A type that is not in `types` differs as a whole.
 */
export function differences(types: Wire["types"], { type, message }: TypedMessage): readonly string[] {
  const known = Object.hasOwn(types, type) ? types[type] : undefined;
  if (known === undefined) return ["a type that is not known"];
  let closest: readonly string[] | null = null;
  for (const shape of known.shapes) {
    const found = new Set<string>();
    compare(shape, message, "", found);
    if (found.size === 0) return [];
    if (closest === null || found.size < closest.length) closest = [...found];
  }
  return closest ?? [];
}

function compare(field: Field, value: unknown, path: string, found: Set<string>): void {
  if (typeof field === "string") {
    if (!field.split("|").some((kind) => fits(kind, value)))
      found.add(`${named(path)} is ${kindOf(value)}, not ${field}`);
  } else if (isList(field)) {
    if (!Array.isArray(value)) found.add(`${named(path)} is ${kindOf(value)}, not list`);
    else
      for (const each of value.slice(0, LOOKED_AT) as readonly unknown[]) compare(field[0], each, `${path}[]`, found);
  } else if (typeof value !== "object" || value === null || Array.isArray(value)) {
    found.add(`${named(path)} is ${kindOf(value)}, not object`);
  } else compareKeys(field, value as Readonly<Record<string, unknown>>, path, found);
}

function compareKeys(shape: Shape, value: Readonly<Record<string, unknown>>, path: string, found: Set<string>): void {
  const below = (key: string): string => (path === "" ? key : `${path}.${key}`);
  for (const [key, field] of Object.entries(shape)) {
    const isOptional = key.endsWith("?");
    const name = isOptional ? key.slice(0, -1) : key;
    if (Object.hasOwn(value, name)) compare(field, value[name], below(name), found);
    else if (!isOptional) found.add(`${below(name)} is missing`);
  }
  for (const key of Object.keys(value)) {
    if (!Object.hasOwn(shape, key) && !Object.hasOwn(shape, `${key}?`)) {
      found.add(`${below(key.slice(0, KEY_LENGTH))} is unknown`);
    }
  }
}

function isList(field: Shape | readonly [Field]): field is readonly [Field] {
  return Array.isArray(field);
}

function named(path: string): string {
  return path === "" ? "the message" : path;
}

function fits(kind: string, value: unknown): boolean {
  switch (kind) {
    case "any":
      return true;
    case "decimal":
      return typeof value === "string" && /^(-?\d*\.?\d*)$/.test(value);
    case "whole":
      return Number.isInteger(value);
    case "number":
      return typeof value === "number";
    default:
      return kindOf(value) === kind;
  }
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  return typeof value === "string" ? "text" : typeof value;
}
