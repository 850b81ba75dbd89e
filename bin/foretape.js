#!/usr/bin/env node
// Plain JavaScript on purpose: it must start on any Node to say in one line that the Node is too old.
import { existsSync } from "node:fs";
import module from "node:module";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 12)) {
  console.error(
    `foretape needs Node 24.12 or later; this is ${process.versions.node}. In a checkout, \`npm ci\` brings a new enough Node: use \`npx foretape\`.`,
  );
  process.exit(2);
}
// Compiled code is kept between runs, for our child processes too: a command then starts in half the time.
module.enableCompileCache();
const compiled = module.getCompileCacheDir();
if (compiled !== undefined) process.env["NODE_COMPILE_CACHE"] ??= compiled;

const source = new URL("../src/cli/main.ts", import.meta.url);
const entry = existsSync(source) ? source : new URL("../dist/cli/main.js", import.meta.url);
await import(entry.href);
