import { z } from "zod";

/** A path in the configuration: keys, and indices of lists. */
export type Path = readonly (string | number)[];

/** A leaf of the schema. In `path`, `*` stands for any index of a list. */
export interface Field {
  readonly path: Path;
  /** Schema of the leaf with its default. */
  readonly schema: z.ZodType;
  /** Value that is in force without configuration; undefined where there is none. */
  readonly fallback: unknown;
  readonly description: string;
  /** Value of the discriminating key in whose variant the field exists, for example `kalshi`; null where it always does. */
  readonly variant: string | null;
}

/** Marks that a schema's `.meta` may carry, beside its description. */
export interface Marks {
  readonly description?: string | undefined;
  /** Never shown, logged or journaled. */
  readonly secret?: boolean;
  /** A file or directory, relative to the configuration file that names it. */
  readonly path?: boolean;
  readonly unit?: "duration" | "size";
}

/** The schema below optional, default and transformation. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const inner = unwrapOnce(schema);
  return inner === null ? schema : unwrap(inner);
}

function unwrapOnce(schema: z.core.$ZodType): z.core.$ZodType | null {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return schema.unwrap();
  }
  return schema instanceof z.ZodPipe ? schema.in : null;
}

/** The marks of a schema, wherever between its wrappers they were put. */
export function marks(schema: z.core.$ZodType): Marks {
  const inner = unwrapOnce(schema);
  const own = z.globalRegistry.get(schema);
  return inner === null ? { ...own } : { ...marks(inner), ...own };
}

/** The variants that a value may have; one for an object, several for a union of objects. */
export function variants(schema: z.core.$ZodType): readonly z.ZodObject[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) return [inner];
  if (inner instanceof z.ZodUnion) return inner.options.flatMap(variants);
  return [];
}

/** What may stand at one key or index below a schema; several where it has variants. */
export function below(schema: z.core.$ZodType, key: string | number): readonly z.core.$ZodType[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray) return [inner.element];
  return variants(inner).flatMap(({ shape }) =>
    Object.hasOwn(shape, key) && shape[key] !== undefined ? [shape[key]] : [],
  );
}

/** What may stand at a path below a schema. */
export function at(schema: z.core.$ZodType, path: Path): readonly z.core.$ZodType[] {
  return path.reduce<readonly z.core.$ZodType[]>((found, key) => found.flatMap((each) => below(each, key)), [schema]);
}

/** The keys that an object at this place may have, in the order in which they are declared. */
export function keysAt(schema: z.core.$ZodType, path: Path): readonly string[] {
  return [
    ...new Set(
      at(schema, path)
        .flatMap(variants)
        .flatMap(({ shape }) => Object.keys(shape)),
    ),
  ];
}

/** Every leaf of a schema, in order. */
export function fields(schema: z.core.$ZodType, path: Path = [], variant: string | null = null): readonly Field[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray && variants(inner.element).length > 0) {
    return fields(inner.element, [...path, "*"], variant);
  }
  const objects = variants(inner);
  if (objects.length === 0) {
    const leaf = schema as z.ZodType;
    const { data } = leaf.safeParse(undefined);
    return [{ path, schema: leaf, fallback: data, description: marks(leaf).description ?? "", variant }];
  }
  return objects.flatMap((object) => {
    const name = objects.length === 1 ? variant : discriminator(object);
    return Object.entries(object.shape).flatMap(([key, each]) => fields(each, [...path, key], name));
  });
}

/** The literal that tells an object from the other variants, else its first key. */
function discriminator(object: z.ZodObject): string {
  for (const each of Object.values(object.shape)) if (each instanceof z.ZodLiteral) return String(each.value);
  return Object.keys(object.shape)[0] ?? "";
}
