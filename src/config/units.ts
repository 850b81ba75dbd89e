import { z } from "zod";

const UNITS = { us: 1, ms: 1_000, s: 1_000_000, m: 60_000_000, h: 3_600_000_000, d: 86_400_000_000 } as const;

/** A duration as people write it, for example `100ms` or `5m`; `2h30m` is not accepted. Becomes microseconds; a number is microseconds already. */
export const duration: z.ZodType<number, string | number> = z
  .union([z.string(), z.number()])
  .transform((value, context) => {
    if (typeof value === "number") return value;
    const match = /^(\d+(?:\.\d+)?)(us|ms|s|m|h|d)$/.exec(value.trim());
    if (match === null) {
      context.addIssue({
        code: "custom",
        message: `"${value}" is no duration; write for example 100ms, 5s, 10m, 2h, 1d`,
      });
      return z.NEVER;
    }
    return Math.round(Number(match[1]) * UNITS[match[2] as keyof typeof UNITS]);
  })
  .meta({ unit: "duration" });

const SIZES = { B: 1, kB: 1024, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 } as const;

/** A size as people write it, `64MB` (binary multiples). Becomes bytes; a number is bytes already. */
export const bytes: z.ZodType<number, string | number> = z
  .union([z.string(), z.number()])
  .transform((value, context) => {
    if (typeof value === "number") return value;
    const match = /^(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB|TB)$/.exec(value.trim());
    if (match === null) {
      context.addIssue({ code: "custom", message: `"${value}" is no size; write for example 512kB, 64MB, 2GB` });
      return z.NEVER;
    }
    return Math.round(Number(match[1]) * SIZES[match[2] as keyof typeof SIZES]);
  })
  .meta({ unit: "size" });

/** Microseconds as the configuration writes them: the largest unit that divides them. */
export function formatDuration(micros: number): string {
  return inLargestUnit(micros, Object.entries(UNITS).reverse());
}

/** Bytes as the configuration writes them: the largest unit that divides them. */
export function formatBytes(size: number): string {
  return inLargestUnit(
    size,
    Object.entries(SIZES)
      .filter(([unit]) => unit !== "KB")
      .reverse(),
  );
}

function inLargestUnit(value: number, units: readonly (readonly [string, number])[]): string {
  const [unit, factor] = units.find(([, each]) => value >= each && value % each === 0) ?? ["", 1];
  return `${value / factor}${unit}`;
}
