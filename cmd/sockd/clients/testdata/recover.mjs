// Connection state recovery: who comes back in time is the one who left, and has missed nothing.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { client, start, received, fence, next, connected, closeAll } from "./kit.mjs";

after(closeAll);
const [a, witness] = [await client(), await client()];

// numbers are those of the events "n" that s has got; what follows its own arguments is the offset.
const numbers = (s, name = "n") => s.got.filter((e) => e[0] === name).map((e) => e[1]);
const upTo = (n) => Array.from({ length: n }, (_, i) => i);

// cut ends the connection and stays away: to the server it looks as if the client had gone without a word.
async function cut(s) {
  s.io.reconnection(false);
  const gone = next(s, "disconnect");
  s.io.engine.close();
  await gone;
}

async function back(s) {
  s.connect();
  await connected(s);
}

test("the same id, and what was missed, once and in order", async () => {
  const s = await client();
  const { id } = s;
  assert.equal(s.recovered, false);
  let sent = 0;
  const send = (n) => { for (const end = sent + n; sent < end; sent++) a.emit("n", sent, sent % 3 ? "text" : Buffer.from([sent])); };
  send(10);
  await received(s, "n", 10);
  for (let round = 1; round <= 3; round++) { // each recovery can be recovered from
    await cut(s);
    send(20);
    await fence(a, witness);
    await back(s);
    assert.deepEqual([round, s.recovered, s.id], [round, true, id]);
    send(5);
    await received(s, "n", sent);
    assert.deepEqual(numbers(s), upTo(sent));
  }
  for (const [, i, data] of s.got.filter((e) => e[0] === "n")) {
    assert.equal(typeof data === "string" ? data : Buffer.from(data)[0], i % 3 ? "text" : i);
  }
  s.emit("mine");
  await received(a, "mine");
  s.disconnect();
});

test("who had received nothing yet recovers too", async () => {
  const s = await client();
  const { id } = s;
  await cut(s);
  a.emit("first", 1);
  await fence(a, witness);
  await back(s);
  assert.deepEqual([s.recovered, s.id], [true, id]);
  assert.equal((await received(s, "first"))[0][0], 1);
  s.disconnect();
});

test("a silent gap", async () => {
  const s = await client();
  const { id } = s;
  a.emit("before");
  await received(s, "before");
  await cut(s);
  await back(s);
  assert.deepEqual([s.recovered, s.id], [true, id]);
  await fence(a, s);
  assert.equal(s.got.filter((e) => e[0] === "before").length, 1);
  s.disconnect();
});

test("cuts under traffic, with the client's own reconnection", async () => {
  const s = await client();
  const { id } = s;
  let sent = 0;
  const timer = setInterval(() => a.emit("flow", sent++), 2);
  try {
    for (let i = 0; i < 5; i++) {
      await received(s, "flow", sent + 10);
      const again = next(s, "connect");
      s.io.engine.close(); // it is not upgrading: connected has waited
      await again;
      assert.deepEqual([i, s.recovered, s.id], [i, true, id]);
      await connected(s);
    }
  } finally {
    clearInterval(timer);
  }
  await received(s, "flow", sent);
  assert.deepEqual(numbers(s, "flow"), upTo(sent));
  s.disconnect();
});

test("each namespace of a connection recovers", async () => {
  const s = await client();
  const chat = s.io.socket("/chat");
  chat.got = [];
  chat.onAny((...e) => chat.got.push(e));
  await connected(chat);
  const other = await client("/chat");
  other.emit("n", 0);
  a.emit("n", 0);
  await Promise.all([received(chat, "n"), received(s, "n")]);
  const ids = [s.id, chat.id];
  await cut(s);
  other.emit("n", 1);
  a.emit("n", 1);
  const third = await client("/chat");
  await fence(a, witness);
  await fence(other, third);
  chat.connect();
  await Promise.all([back(s), connected(chat)]);
  assert.deepEqual([s.recovered, chat.recovered, s.id, chat.id], [true, true, ...ids]);
  await Promise.all([received(chat, "n", 2), received(s, "n", 2)]);
  assert.deepEqual([numbers(s), numbers(chat)], [[0, 1], [0, 1]]);
  for (const one of [s, chat, other, third]) one.disconnect();
});

test("who left on purpose starts anew", async () => {
  const s = await client();
  const { id } = s;
  a.emit("before", 1);
  await received(s, "before");
  s.disconnect();
  a.emit("away", 1);
  await fence(a, witness);
  s.connect();
  await connected(s);
  assert.equal(s.recovered, false);
  assert.notEqual(s.id, id);
  await fence(a, s);
  assert.deepEqual(numbers(s, "away"), []);
  s.disconnect();
});

test("an unknown private id is answered with a new one", async () => {
  const s = start("", { auth: { pid: "x".repeat(20), offset: "x" } });
  await connected(s);
  assert.equal(s.recovered, false);
  a.emit("hello", 1);
  await received(s, "hello");
  s.disconnect();
});

test("nobody else was disturbed", () => assert.deepEqual([a.drops, witness.drops], [[], []]));
