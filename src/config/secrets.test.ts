import assert from "node:assert/strict";
import { test } from "node:test";
import { fields, marks } from "./fields.ts";
import { configSchema } from "./schema.ts";
import { maskUrl, publicConfig, secretsOf } from "./secrets.ts";

test("the public configuration holds no secret, in marked fields or inside URLs", () => {
  const config = configSchema.parse({
    venues: {
      kalshi: {
        key_id: "id-1",
        private_key: "canary-pem",
        rest_url: "https://user:canary-password@example.com/v2?token=canary-token&x=1",
      },
    },
  });
  const text = JSON.stringify(publicConfig(config));
  assert.doesNotMatch(text, /canary/);
  assert.match(text, /https:\/\/user:\[secret\]@example\.com\/v2\?token=\[secret\]&x=1/);
  assert.deepEqual([...secretsOf(config)].sort(), ["canary-password", "canary-pem", "canary-token"]);
});

test("the public configuration keeps everything else", () => {
  const config = configSchema.parse({});
  assert.deepEqual(publicConfig(config), config);
});

test("every field that sounds like a secret is marked as one", () => {
  const unmarked = fields(configSchema).filter(
    ({ path, schema }) =>
      /(private_key|token|secret|password|api_key)$/.test(String(path.at(-1))) && marks(schema).secret !== true,
  );
  assert.deepEqual(
    unmarked.map(({ path }) => path.join(".")),
    [],
  );
});

test("a URL's short password does not mask other text", () => {
  assert.equal(maskUrl("postgres://a:e@example.com/tape"), "postgres://a:[secret]@example.com/tape");
  assert.equal(maskUrl("no url: token=1"), "no url: token=1");
});
