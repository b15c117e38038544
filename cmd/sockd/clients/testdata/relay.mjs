// A hub relays what one client sends to the others of its namespace, whole and in order.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { client, start, received, fence, next, connected, transports, upgrades, msgpack, bytes, closeAll } from "./kit.mjs";

after(closeAll);
const [a, b, c] = [await client(), await client(), await client()];

test("the transport is the wanted one", () => {
  assert.equal(a.io.engine.transport.name, upgrades ? "websocket" : transports[0]);
});

test("text of any kind reaches the others and not the sender", async () => {
  const args = ["ü\u2028é😀\u0000\"\\", { n: 1.5, deep: [null, true, { x: [] }] }, null, -7, "", [[]], { "": 0 }];
  a.emit("text", ...args);
  for (const s of [b, c]) assert.deepEqual(await received(s, "text"), [args]);
  await fence(b, a);
  assert.deepEqual(a.got.filter((e) => e[0] === "text"), []);
});

test("an event without arguments", async () => {
  a.emit("bare");
  assert.deepEqual(await received(b, "bare"), [[]]);
});

test("event names are any string", async () => {
  for (const name of ["", "ü", "1", "a,b", "[x]", "/n", "message", "error", "__proto__"]) {
    a.emit(name, name);
    assert.deepEqual((await received(b, name)).at(-1), [name]);
  }
});

test("binary arrives as it was, however deep", async () => {
  const odd = Buffer.from([0, 1, 127, 128, 255]);
  a.emit("binary", bytes(5, odd), { deep: [bytes(3, "abc"), { x: bytes(0) }] }, "text", new Uint8Array([9]).buffer);
  const [[first, second, third, fourth]] = await received(b, "binary");
  assert.ok(Buffer.from(first).equals(odd));
  assert.equal(Buffer.from(second.deep[0]).toString(), "abc");
  assert.equal(Buffer.from(second.deep[1].x).length, 0);
  assert.equal(third, "text");
  assert.equal(Buffer.from(fourth)[0], 9);
});

test("what looks like a placeholder is data", async () => {
  a.emit("placeholder", { _placeholder: false, num: 0 }, "\ufffd");
  assert.deepEqual(await received(b, "placeholder"), [[{ _placeholder: false, num: 0 }, "\ufffd"]]);
});

if (msgpack) test("msgpack carries what JSON cannot", async () => {
  const when = new Date(1_700_000_000_123);
  const args = [when, 2 ** 40, -(2 ** 40), 1.25, { n: null }, Array.from({ length: 70_000 }, (_, i) => i % 7), "x".repeat(300)];
  a.emit("rich", ...args);
  assert.deepEqual(await received(b, "rich"), [args]);
  a.emit("bytes", ...Array.from({ length: 20 }, (_, i) => bytes(i * 20, i)));
  const [buffers] = await received(b, "bytes");
  assert.equal(buffers.length, 20); // there is no limit of attachments, as there are none
  buffers.forEach((got, i) => assert.ok(Buffer.from(got).equals(Buffer.alloc(i * 20, i))));
});

if (msgpack && !process.env.BUNDLE) test("a typed array, which msgpack has as an extension", async () => {
  a.emit("typed", new Uint8Array([7, 8]), undefined, 1);
  const [[typed, nothing, one]] = await received(b, "typed");
  assert.deepEqual([[...new Uint8Array(typed)], nothing, one], [[7, 8], undefined, 1]);
});

test("many events, text and binary mixed, keep their order", async () => {
  const n = 400;
  for (let i = 0; i < n; i++) a.emit("order", i, i % 5 ? "x".repeat(i) : bytes(i, i));
  for (const s of [b, c]) {
    const got = await received(s, "order", n);
    got.forEach(([i, data], at) => {
      assert.equal(i, at);
      assert.equal(data.length ?? data.byteLength, at);
    });
  }
});

test("two senders: everybody sees one order", async () => {
  const n = 150;
  const d = await client();
  for (let i = 0; i < n; i++) {
    a.emit("both", "a", i);
    b.emit("both", "b", i);
  }
  const [onC, onD] = [await received(c, "both", 2 * n), await received(d, "both", 2 * n)];
  assert.deepEqual(onC, onD);
  for (const who of ["a", "b"]) {
    assert.deepEqual(onC.filter((e) => e[0] === who).map((e) => e[1]), Array.from({ length: n }, (_, i) => i));
  }
  d.disconnect();
});

test("a hub acknowledges nothing, and hands no acknowledgement on", async () => {
  const answers = [];
  a.emit("asked", 1, (...args) => answers.push(args));
  assert.deepEqual(await received(b, "asked"), [[1]]);
  await fence(b, a);
  assert.deepEqual(answers, []);
});

test("namespaces are apart, also on one connection", async () => {
  const chat = a.io.socket("/chat");
  chat.got = [];
  chat.onAny((...e) => chat.got.push(e));
  await connected(chat);
  assert.notEqual(chat.id, a.id);
  const other = await client("/chat");
  other.emit("apart", 1);
  assert.deepEqual(await received(chat, "apart"), [[1]]);
  b.emit("main", 2);
  assert.deepEqual(await received(a, "main"), [[2]]);
  assert.deepEqual([a.got.filter((e) => e[0] === "apart"), chat.got.filter((e) => e[0] === "main")], [[], []]);
  chat.disconnect();
  other.disconnect();
  await fence(b, a); // the main namespace of the same connection lives on
});

test("a namespace that a glob allows, and one that nothing allows", async () => {
  const [x, y] = [await client("/room-1"), await client("/room-1")];
  x.emit("glob");
  await received(y, "glob");
  const refused = start("/nope");
  const [err] = await next(refused, "connect_error");
  assert.equal(err.message, "Invalid namespace");
  for (const s of [x, y, refused]) s.disconnect();
});

test("leaving on purpose is no fault", async () => {
  const s = await client();
  s.disconnect();
  assert.deepEqual(s.drops, ["io client disconnect"]);
  await fence(a, b);
  s.connect();
  await connected(s);
  a.emit("again");
  await received(s, "again");
  s.disconnect();
});

test("a cut connection comes back by itself, with a new id", async () => {
  const s = await client();
  const id = s.id;
  const back = next(s, "connect");
  s.io.engine.close();
  await back;
  await connected(s);
  assert.notEqual(s.id, id);
  assert.equal(s.drops.length, 1);
  a.emit("back", 1);
  assert.deepEqual(await received(s, "back"), [[1]]);
  s.disconnect();
});

test("the heartbeat keeps a silent client", async () => {
  const s = await client();
  for (let i = 0; i < 4; i++) await next(s.io.engine, "ping");
  assert.deepEqual(s.drops, []);
  s.disconnect();
});

test("a message just under max_payload passes, one over it ends only its sender", async () => {
  const s = await client("", { reconnection: false });
  const limit = Number(process.env.MAX_PAYLOAD);
  const fits = (msgpack && !upgrades && transports[0] === "polling" ? limit * 0.75 : limit) - 100; // bytes are base64 there
  s.emit("big", "x".repeat(fits));
  const [[data]] = await received(b, "big");
  assert.equal(data.length, fits);
  const gone = next(s, "disconnect");
  s.emit("too big", "x".repeat(limit + 1));
  const [reason] = await gone;
  assert.match(reason, /^transport (close|error)$/);
  await fence(a, b);
  assert.deepEqual(b.got.filter((e) => e[0] === "too big"), []);
});

test("nobody else was disturbed", () => {
  assert.deepEqual([a.drops, b.drops, c.drops], [[], [], []]);
});

if (upgrades) test("what is sent during the upgrade arrives once and in order", async () => {
  for (let round = 0; round < 5; round++) {
    const s = start();
    await next(s, "connect");
    const n = 100;
    for (let i = 0; i < n; i++) {
      s.emit("up", round, i);
      a.emit("down", round, i);
      if (i % 10 === 0) await new Promise((yes) => setImmediate(yes));
    }
    const up = (await received(b, "up", (round + 1) * n)).filter((e) => e[0] === round).map((e) => e[1]);
    const down = (await received(s, "down", n)).map((e) => e[1]);
    const all = Array.from({ length: n }, (_, i) => i);
    assert.deepEqual([up, down], [all, all]);
    await connected(s);
    await fence(s, b);
    assert.equal(b.got.filter((e) => e[0] === "up").length, (round + 1) * n);
    s.disconnect();
  }
});
