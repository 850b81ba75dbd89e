import { z } from "zod";

/** `log`: what the program says about itself. */
export const logConfig = z
  .strictObject({
    level: z
      .enum(["debug", "info", "warn", "error", "silent"])
      .default("info")
      .describe("the least important line that is shown"),
    file: z
      .string()
      .min(1)
      .optional()
      .describe("append JSON lines to this file instead of writing to stderr")
      .meta({ path: true }),
  })
  .prefault({});

export type LogConfig = z.infer<typeof logConfig>;
