import { readFileSync } from "node:fs";
import { z } from "zod";

const manifest = z
  .object({ name: z.string(), version: z.string() })
  .parse(JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")));

/** This program, as `started` records and user agents name it. */
export const program: { readonly name: string; readonly version: string } = manifest;
