import { configJsonSchema, configReference } from "../src/config/reference.ts";

/** Documentation that is derived from the source: path below the project → text. */
export const generatedDocs: Readonly<Record<string, () => string>> = {
  "docs/configuration.md": configReference,
  "docs/foretape.schema.json": () => `${JSON.stringify(configJsonSchema(), null, 2)}\n`,
};
