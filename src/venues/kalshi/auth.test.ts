import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { UsageError } from "../../ops/errors.ts";
import { readPrivateKey, signedHeaders, signingText, verifyText } from "./auth.ts";

const pem = (key: KeyObject, type: "pkcs1" | "pkcs8") => key.export({ type, format: "pem" });

test("the signing text is time, method and path without query", () => {
  assert.equal(
    signingText("1703123456789", "get", "/trade-api/v2/markets?limit=5"),
    "1703123456789GET/trade-api/v2/markets",
  );
});

test("what is signed with each kind of key is verified with its public half, and nothing else is", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const ed25519 = generateKeyPairSync("ed25519").privateKey;
  for (const text of [pem(rsa, "pkcs1"), pem(rsa, "pkcs8"), pem(ed25519, "pkcs8")]) {
    const key = readPrivateKey(text);
    const headers = signedHeaders("id", key, 1_703_123_456_789.4, "GET", "/trade-api/ws/v2");
    assert.equal(headers["KALSHI-ACCESS-TIMESTAMP"], "1703123456789");
    const signature = headers["KALSHI-ACCESS-SIGNATURE"];
    assert.ok(verifyText(createPublicKey(key), "1703123456789GET/trade-api/ws/v2", signature));
    assert.equal(verifyText(createPublicKey(key), "1703123456788GET/trade-api/ws/v2", signature), false);
    assert.equal(verifyText(createPublicKey(key), "1703123456789GET/trade-api/ws/v2", "no signature"), false);
  }
});

test("a bad key is a usage error that says nothing of the key", () => {
  const secret = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----";
  assert.throws(
    () => readPrivateKey(secret),
    (error) => error instanceof UsageError && error.cause === undefined && !error.message.includes("c2VjcmV0"),
  );
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  assert.throws(() => readPrivateKey(pem(ec, "pkcs8")), /of type ec/);
});

test("a key from an environment variable may have \\n where lines end", () => {
  const key = generateKeyPairSync("ed25519").privateKey;
  const escaped = pem(key, "pkcs8");
  for (const end of ["\\n", "\\r\\n", "\r\n"]) {
    const read = readPrivateKey(escaped.replaceAll("\n", end));
    assert.ok(createPublicKey(read).equals(createPublicKey(key)));
  }
});

test("a key behind a passphrase is refused as such, in both formats", () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  for (const type of ["pkcs1", "pkcs8"] as const) {
    const text = privateKey.export({ type, format: "pem", cipher: "aes-256-cbc", passphrase: "canary" });
    assert.throws(
      () => readPrivateKey(text),
      (error) =>
        error instanceof UsageError && /passphrase/.test(error.message) && /openssl pkey/.test(error.hint ?? ""),
    );
  }
});
