import { constants } from "node:fs";
import { access, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf, StorageError } from "../../ops/errors.ts";
import { APPLICATION_ID } from "./ddl.ts";

/** A database's header: its first 100 bytes; the mark of whose it is stands at 68 (sqlite.org/fileformat2.html). */
const HEADER_BYTES = 100;
const MARK_AT = 68;
const MAGIC = "SQLite format 3\0";

/** Looks at the file, or at the place where it would be made, and writes nothing. Throws `StorageError`. */
export async function probeSqlite(path: string): Promise<string> {
  try {
    if (!(await isThere(path))) {
      await access(await nearestDirectory(dirname(path)), constants.W_OK);
      return `sqlite: ${path} will be made`;
    }
    await access(path, constants.R_OK | constants.W_OK);
    await access(dirname(path), constants.W_OK);
    await using file = await open(path, "r+");
    const { bytesRead, buffer } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    if (bytesRead > 0 && buffer.toString("latin1", 0, MAGIC.length) !== MAGIC)
      throw new StorageError(`${path} is no SQLite database`, { hint: "give the sink another path" });
    // Not ours yet, and not anybody's: a database without tables is one page.
    const isOurs = bytesRead === 0 || buffer.readUInt32BE(MARK_AT) === APPLICATION_ID;
    if (!isOurs)
      throw new StorageError(`${path} is a database of another program`, { hint: "give the sink a path of its own" });
    return `sqlite: ${path} can be written`;
  } catch (cause) {
    if (cause instanceof StorageError) throw cause;
    throw new StorageError(`the database ${path} cannot be written: ${messageOf(cause)}`, {
      cause,
      hint: "check the path of the sink and that this user may write there, also in the directory",
    });
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

async function nearestDirectory(path: string): Promise<string> {
  return (await isThere(path)) || dirname(path) === path ? path : nearestDirectory(dirname(path));
}
