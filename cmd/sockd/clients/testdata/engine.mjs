// A hub of plain messages, over engine.io-client: each one reaches the others, whole and in order.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { require, transports, upgrades, next, within } from "./kit.mjs";

const { Socket } = require("engine.io-client");
const open = [];
after(() => open.forEach((s) => s.close()));

async function client() {
  const s = new Socket(process.env.URL, { path: "/engine.io", transports });
  open.push(s);
  s.got = [];
  s.reasons = [];
  s.on("message", (data = "") => s.got.push(typeof data === "string" ? data : Buffer.from(data))); // it has no data for empty text
  s.on("close", (reason) => s.reasons.push(reason));
  await next(s, "open");
  if (upgrades && s.transport.name !== "websocket") await next(s, "upgrade");
  return s;
}

// got resolves with the first n messages.
function got(s, n) {
  return within(new Promise((yes) => {
    const look = () => {
      if (s.got.length < n) return;
      s.off("message", look);
      yes(s.got.splice(0, n));
    };
    s.on("message", look);
    look();
  }), () => `${s.got.length} of ${n} messages`);
}

const [a, b, c] = [await client(), await client(), await client()];

test("text and bytes reach the others and not the sender", async () => {
  const messages = ["ü\u2028é😀\u0000", "", "b64", "4", Buffer.from([0, 1, 127, 128, 255]), Buffer.alloc(0), "x".repeat(70_000), Buffer.alloc(70_000, 3)];
  for (const m of messages) a.send(m);
  for (const s of [b, c]) assert.deepEqual(await got(s, messages.length), messages);
  b.send("back");
  assert.deepEqual(await got(a, 1), ["back"]);
  assert.deepEqual(await got(c, 1), ["back"]);
});

test("many messages, text and bytes mixed, keep their order", async () => {
  const messages = Array.from({ length: 400 }, (_, i) => (i % 5 ? `${i} ` + "x".repeat(i) : Buffer.alloc(i + 1, i)));
  for (const m of messages) a.send(m);
  for (const s of [b, c]) assert.deepEqual(await got(s, messages.length), messages);
});

test("the heartbeat keeps a silent client", async () => {
  for (let i = 0; i < 3; i++) await next(c, "ping");
  assert.deepEqual(c.reasons, []);
});

test("leaving ends nobody else", async () => {
  const s = await client();
  s.close();
  if (!s.reasons.length) await next(s, "close");
  assert.deepEqual(s.reasons, ["forced close"]);
  a.send("still");
  assert.deepEqual([await got(b, 1), await got(c, 1)], [["still"], ["still"]]);
});

test("a message over max_payload ends only its sender", async () => {
  const s = await client();
  const gone = next(s, "close");
  s.send("x".repeat(Number(process.env.MAX_PAYLOAD) + 1));
  const [reason] = await gone;
  assert.match(reason, /^transport (close|error)$/);
  a.send("after");
  assert.deepEqual([await got(b, 1), await got(c, 1)], [["after"], ["after"]]);
  assert.deepEqual([a.reasons, b.reasons, c.reasons], [[], [], []]);
});
