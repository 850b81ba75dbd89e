import assert from "node:assert/strict";
import { test } from "node:test";
import { kalshiRefusal } from "./refusal.ts";

const error = (code: string, details?: string) => JSON.stringify({ error: { code, message: code, details } });

test("a 401 tells a clock that is off from a key that is unknown and a signature that is wrong", () => {
  for (const [body, kind, code] of [
    [error("header_timestamp_expired"), "clock", "header_timestamp_expired"],
    [error("authentication_error", "NOT_FOUND"), "key", "NOT_FOUND"],
    [error("authentication_error", "INCORRECT_API_KEY_SIGNATURE"), "signature", "INCORRECT_API_KEY_SIGNATURE"],
    [error("signature_is_missing_from_headers"), "key", "signature_is_missing_from_headers"],
    ['{"code":"teapot","message":"","details":""}', "other", "teapot"],
    ["<html>", "other", null],
    ["", "other", null],
    ["null", "other", null],
    ['{"error":7}', "other", null],
  ] as const) {
    const refusal = kalshiRefusal(401, body);
    assert.deepEqual([refusal?.kind, refusal?.code], [kind, code], body);
  }
  assert.equal(kalshiRefusal(503, error("header_timestamp_expired")), null);
});
