import { existsSync } from "node:fs";
import type { Tree } from "../config/tree.ts";
import { databasePath } from "../journal/layout.ts";
import { Database } from "../sinks/sqlite/database.ts";

/** SQLite's `application_id`: none, because several parts of the program share this database. */
const APPLICATION = 0;

const SCHEMA = `CREATE TABLE IF NOT EXISTS listeners (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  venue TEXT NOT NULL,
  filters TEXT NOT NULL,
  settings TEXT NOT NULL,
  is_active INTEGER NOT NULL DEFAULT 1,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT`;

/** A listener as the database holds it: the same keys as in the configuration file. */
export interface StoredListener {
  readonly name: string;
  /** Everything but `paused`: `name`, `venue`, `filters`, and what else was set. Not checked. */
  readonly definition: Tree;
  readonly isActive: boolean;
}

/** The table `listeners` in a tape's own database, `<tape>/foretape.sqlite`. Throws `StorageError` where it cannot be used. */
export class ListenerStore implements Disposable {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
    database.run(SCHEMA);
  }

  /** Opens the database, makes it where it is not there. */
  static open(tape: string): ListenerStore {
    return new ListenerStore(new Database(databasePath(tape), APPLICATION));
  }

  /** Opens the database where it is there, null else: reading must not make a tape. */
  static openExisting(tape: string): ListenerStore | null {
    return existsSync(databasePath(tape)) ? ListenerStore.open(tape) : null;
  }

  list(): readonly StoredListener[] {
    return this.#database
      .all("SELECT name, venue, filters, settings, is_active FROM listeners ORDER BY id")
      .map((row) => {
        const { name, venue } = row;
        const settings = json(row["settings"]);
        const more = typeof settings === "object" && settings !== null ? settings : { settings };
        const definition = { ...more, name, venue, filters: json(row["filters"]) };
        return { name: String(name), definition, isActive: row["is_active"] === 1 };
      });
  }

  /** Adds a listener, or puts it in the place of the one of that name. */
  put({ name, definition, isActive }: StoredListener): void {
    const { name: _, venue, filters, paused: __, ...settings } = definition;
    this.#database.change(
      `INSERT INTO listeners (name, venue, filters, settings, is_active) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET venue = excluded.venue, filters = excluded.filters, settings = excluded.settings,
         is_active = excluded.is_active, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')`,
      name,
      String(venue),
      JSON.stringify(filters ?? {}),
      JSON.stringify(settings),
      isActive ? 1 : 0,
    );
  }

  remove(name: string): void {
    this.#database.change("DELETE FROM listeners WHERE name = ?", name);
  }

  [Symbol.dispose](): void {
    this.#database[Symbol.dispose]();
  }
}

/** A JSON value in a column; what is none stays text, which the check of the configuration refuses. */
function json(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return text;
  }
}
