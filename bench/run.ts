/** `npm run bench`: how fast a recorder is; `npm run bench -- sinks`: how fast databases take its rows. */
if (process.argv[2] === "sinks") await import("./sinks.ts");
else await import("./speed.ts");
