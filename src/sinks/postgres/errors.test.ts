import assert from "node:assert/strict";
import { test } from "node:test";
import { StorageError } from "../../ops/errors.ts";
import { ConnectionLostError, storageError } from "./errors.ts";

const failure = (code: string, message = "it failed"): Error => Object.assign(new Error(message), { code });

test("what a user meets is one sentence with what to do", () => {
  for (const [code, hint] of [
    ["25006", /read-only/],
    ["53100", /disk is full/],
    ["42501", /foretape migrate/],
    ["23505", /there already/],
    ["23502", /changed by hand/],
    ["22P02", /a bug/],
    ["28P01", /user and password/],
    ["ECONNREFUSED", /host and port/],
  ] as const) {
    const error = storageError(failure(code, "it failed\n  for two reasons"), "host:5432/market", false);
    assert.equal(error.message, `PostgreSQL database host:5432/market: it failed; for two reasons (${code})`);
    assert.match(error.hint ?? "", hint, code);
    assert.equal(error.exitCode, 1);
  }
});

test("only what a new connection may mend is tried on one", () => {
  const isTransient = (code: string): boolean => storageError(failure(code), "d", false) instanceof ConnectionLostError;
  for (const code of [
    "08006",
    "57P01",
    "57P02",
    "57P03",
    "53300",
    "40P01",
    "55P03",
    "ECONNRESET",
    "EPIPE",
    "ETIMEDOUT",
  ])
    assert.ok(isTransient(code), code);
  for (const code of ["25006", "53100", "42501", "23505", "22P02", "28P01", "57014", "3D000"])
    assert.ok(!isTransient(code), code);
  assert.ok(storageError(new Error("Connection terminated"), "d", true) instanceof ConnectionLostError);
});

test("each address of a host that was tried is told, and our own errors pass as they are", () => {
  const both = new AggregateError([
    failure("ECONNREFUSED", "connect ::1"),
    failure("ECONNREFUSED", "connect 127.0.0.1"),
  ]);
  const error = storageError(both, "d", false);
  assert.equal(error.message, "PostgreSQL database d: connect ::1; connect 127.0.0.1 (ECONNREFUSED)");
  assert.ok(error instanceof ConnectionLostError);
  const own = new StorageError("ours");
  assert.equal(storageError(own, "d", true), own);
});
