import { readdirSync, readFileSync } from "node:fs";

export interface Usage {
  readonly cpuSeconds: number;
  readonly mb: number;
  /** What is nobody else's: without the program's own files, of which each process's part depends on how many run it. */
  readonly ownMb: number;
  /** Open files, sockets, pipes and timers' descriptors. */
  readonly handles: number;
  readonly each: readonly string[];
}

/** CPU, memory and handles of a process and all below it. Memory shared between them is counted once (PSS). */
export function usage(root: number): Usage {
  let ticks = 0;
  let kb = 0;
  let ownKb = 0;
  let handles = 0;
  const each: string[] = [];
  const visit = (pid: number): void => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const own = Number(fields[11]) + Number(fields[12]);
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      const kbOf = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(rollup)?.[1] ?? 0);
      const pss = kbOf("Pss");
      ticks += own;
      kb += pss;
      ownKb += kbOf("Pss_Anon");
      handles += readdirSync(`/proc/${pid}/fd`).length;
      each.push(`${own / 100} s, ${Math.round(pss / 1024)} MB`);
      for (const task of readdirSync(`/proc/${pid}/task`)) {
        const children = readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim();
        if (children !== "") for (const below of children.split(" ")) visit(Number(below));
      }
    } catch (error) {
      // A process that ended between two looks has nothing to add.
      if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  };
  visit(root);
  return { cpuSeconds: ticks / 100, mb: kb / 1024, ownMb: ownKb / 1024, handles, each };
}
