import { readdirSync, readFileSync } from "node:fs";

export interface Usage {
  readonly cpuSeconds: number;
  readonly mb: number;
  /** Open files, sockets, pipes and timers' descriptors. */
  readonly handles: number;
  readonly each: readonly string[];
}

/** CPU, memory and handles of a process and all below it. Memory shared between them is counted once (PSS). */
export function usage(root: number): Usage {
  let ticks = 0;
  let kb = 0;
  let handles = 0;
  const each: string[] = [];
  const visit = (pid: number): void => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const own = Number(fields[11]) + Number(fields[12]);
      const pss = Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
      ticks += own;
      kb += pss;
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
  return { cpuSeconds: ticks / 100, mb: kb / 1024, handles, each };
}
