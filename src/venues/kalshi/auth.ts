import { constants, createPrivateKey, type KeyObject, sign, verify } from "node:crypto";
import { UsageError } from "../../ops/errors.ts";

/**
 * The text that Kalshi wants signed: Unix milliseconds, upper-case method, path from the root without host and query
 * (docs.kalshi.com, "API keys").
 */
export function signingText(timestampMs: string, method: string, path: string): string {
  const query = path.indexOf("?");
  return timestampMs + method.toUpperCase() + (query < 0 ? path : path.slice(0, query));
}

/** RSA-PSS over SHA-256 with a salt as long as the digest. Ed25519 keys, since 2026-09-24, sign the text itself. */
function scheme(key: KeyObject) {
  return key.asymmetricKeyType === "ed25519"
    ? { digest: null, options: { key } }
    : {
        digest: "sha256",
        options: { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
      };
}

/** Signs a signing text; standard base64. */
function signText(key: KeyObject, text: string): string {
  const { digest, options } = scheme(key);
  return sign(digest, Buffer.from(text), options).toString("base64");
}

/** Whether a base64 signature of a signing text was made with the private key that belongs to `key`. */
export function verifyText(key: KeyObject, text: string, signature: string): boolean {
  const { digest, options } = scheme(key);
  return verify(digest, Buffer.from(text), options, Buffer.from(signature, "base64"));
}

/** OpenSSL's two ways of protecting a PEM text: PKCS#8, and the older header. */
const PROTECTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: *4, *ENCRYPTED/m;

/**
 * Reads an RSA (PKCS#1 or PKCS#8) or Ed25519 private key. The characters `\n` (and `\r`), which environment variables often
 * have where the PEM has a line end, are line ends: no PEM has a backslash. Throws `UsageError` without any part of the text.
 */
export function readPrivateKey(text: string): KeyObject {
  const pem = text.replaceAll("\\r", "").replaceAll("\\n", "\n");
  if (PROTECTED.test(pem)) {
    throw new UsageError("the Kalshi private key is protected by a passphrase, and a recorder must start without one", {
      hint: "openssl pkey -in KEY -out PLAIN && chmod 600 PLAIN writes it without; give that file",
    });
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The cause is left out on purpose: OpenSSL's message is of no use, and nothing of the key may reach a log.
    throw new UsageError("the Kalshi private key is no PEM text of an RSA or Ed25519 private key", {
      hint: "download the key from Kalshi again, or check that the file is complete",
    });
  }
  if (key.asymmetricKeyType !== "rsa" && key.asymmetricKeyType !== "ed25519") {
    throw new UsageError(`the Kalshi private key is of type ${key.asymmetricKeyType}; Kalshi takes RSA and Ed25519`);
  }
  return key;
}

/** The three headers of a signed request or handshake. `nowMs` is Unix milliseconds. Never log them. */
export function signedHeaders(
  keyId: string,
  key: KeyObject,
  nowMs: number,
  method: string,
  path: string,
): Readonly<Record<"KALSHI-ACCESS-KEY" | "KALSHI-ACCESS-TIMESTAMP" | "KALSHI-ACCESS-SIGNATURE", string>> {
  const timestamp = Math.floor(nowMs).toString();
  return {
    "KALSHI-ACCESS-KEY": keyId,
    "KALSHI-ACCESS-TIMESTAMP": timestamp,
    "KALSHI-ACCESS-SIGNATURE": signText(key, signingText(timestamp, method, path)),
  };
}
