import { statfs } from "node:fs/promises";

/** What is known of a directory's file system. */
export interface FileSystem {
  /** Null where its type says nothing of importance. */
  readonly kind: "network" | "memory" | "layer" | null;
  readonly name: string | null;
  readonly freeBytes: number;
}

/** `f_type` of Linux's statfs(2) manual page and linux/magic.h. Other systems number otherwise. */
const TYPES: ReadonlyMap<number, { readonly kind: NonNullable<FileSystem["kind"]>; readonly name: string }> = new Map([
  [0x6969, { kind: "network", name: "NFS" }],
  [0x517b, { kind: "network", name: "SMB" }],
  [0xff534d42, { kind: "network", name: "CIFS" }],
  [0xfe534d42, { kind: "network", name: "SMB 2" }],
  [0x01021997, { kind: "network", name: "9P" }],
  [0x00c36400, { kind: "network", name: "Ceph" }],
  [0x5346414f, { kind: "network", name: "AFS" }],
  [0x0bd00bd0, { kind: "network", name: "Lustre" }],
  [0x65735546, { kind: "network", name: "FUSE" }],
  [0x01021994, { kind: "memory", name: "tmpfs" }],
  [0x794c7630, { kind: "layer", name: "overlayfs" }],
]);

export async function fileSystemOf(dir: string): Promise<FileSystem> {
  const { type, bavail, bsize } = await statfs(dir);
  // Some systems give the number signed.
  const known = process.platform === "linux" ? TYPES.get(type >>> 0) : undefined;
  return { kind: known?.kind ?? null, name: known?.name ?? null, freeBytes: bavail * bsize };
}
