// Loaded before every test file: a suite is hundreds of processes that load the same sources.
import module from "node:module";

module.enableCompileCache();
const compiled = module.getCompileCacheDir();
if (compiled !== undefined) process.env["NODE_COMPILE_CACHE"] ??= compiled;
