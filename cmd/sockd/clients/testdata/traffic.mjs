// Two clients send to each other, numbered, until a line arrives; then nothing may be missing and nobody may have dropped.
import assert from "node:assert/strict";
import { client, line, received } from "./kit.mjs";

const [a, b] = [await client(), await client()];
let sent = 0;
const timer = setInterval(() => {
  a.emit("a", sent, Buffer.alloc(sent % 50));
  b.emit("b", sent, "x".repeat(sent % 500));
  sent++;
}, 2);
console.log("sending");
await line();
clearInterval(timer);
const numbers = async (s, event) => (await received(s, event, sent)).map((e) => e[0]);
const all = Array.from({ length: sent }, (_, i) => i);
assert.deepEqual(await numbers(b, "a"), all);
assert.deepEqual(await numbers(a, "b"), all);
assert.deepEqual([a.drops, b.drops], [[], []]);
console.log(`${sent} each way`);
a.disconnect();
b.disconnect();
process.exit(0);
