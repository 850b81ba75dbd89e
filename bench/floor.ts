import { WebSocket } from "ws";

/**
 * The floor that every figure is a ratio to: a `ws` client that does nothing but `JSON.parse`. Prints one JSON line.
 * Never made faster or slower: a change here changes what all earlier figures mean.
 */
const [url = "", expected = "0"] = process.argv.slice(2);
const frames = Number(expected);
const socket = new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true });
let count = 0;
let start = 0;
let cpu = process.cpuUsage();
socket.on("open", () => socket.send("go"));
socket.on("message", (data: Buffer) => {
  if (count === 0) {
    start = performance.now();
    cpu = process.cpuUsage();
  }
  JSON.parse(data.toString("utf8"));
  if (++count < frames) return;
  const { user, system } = process.cpuUsage(cpu);
  console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, cpuSeconds: (user + system) / 1e6 }));
  socket.terminate();
});
