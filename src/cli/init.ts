import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import { UsageError } from "../ops/errors.ts";
import { defineCommand } from "./command.ts";
import { likeNames, starterConfig } from "./starter-config.ts";

/** `foretape init`: writes a commented configuration. */
export const initCommand = defineCommand({
  name: "init",
  summary: "writes a commented configuration",
  description: "It never overwrites a file. Secrets belong into .env beside the file or into the environment.",
  arguments: [{ name: "file", description: "where to write it (default: foretape.yaml)", optional: true }],
  options: {
    like: {
      value: "<seed>",
      description: `for those who come from one of the systems ${likeNames.join(", ")}`,
      schema: z.enum(likeNames).optional(),
    },
  },
  examples: ["foretape init", "foretape init --like seed3", "foretape init recorder/foretape.yaml"],
  readsConfiguration: false,
  async run({ json, out, outJson }, { like }, [name = "foretape.yaml"]) {
    const file = resolve(name);
    try {
      await writeFile(file, starterConfig(like ?? null), { flag: "wx" });
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === "EEXIST") {
        throw new UsageError(`${file} exists already`, { cause, hint: "name another file, or move this one away" });
      }
      if (code === "ENOENT")
        throw new UsageError(`there is no directory for ${file}`, { cause, hint: "make it first" });
      throw new UsageError(`cannot write ${file}`, { cause, hint: "check the directory's permissions" });
    }
    if (json) outJson({ file });
    else out(`wrote ${file}\nNext: foretape record`);
  },
});
