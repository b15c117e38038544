// Ann and Cid in the chat example, with Bob of chat.py beside them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import test, { after } from "node:test";
import { closeAll, connected, next, received, start } from "./kit.mjs";
import { past, token, unsigned } from "./jwt.mjs";

const as = (sub, options = {}) => start("", { auth: { token: token({ sub, aud: "chat" }) }, ...options });
const ask = (s, ...args) => s.timeout(10_000).emitWithAck(...args);
const texts = (events) => events.map(([message]) => message.text);
let bob;
after(() => { closeAll(); bob?.kill(); });

const [ann, cid] = [as("ann"), as("cid")];
await Promise.all([connected(ann), connected(cid)]);
for (const s of [ann, cid]) s.on("whispered", (message, answer) => { (s.whispers ??= []).push(message); answer(); });

test("the history of a room answers its join", async () => {
  assert.deepEqual(await ask(ann, "join", "red"), []);
  for (const text of ["first", "second"]) await ann.timeout(10_000).emitWithAck("say", { room: "red", text });
  await ask(ann, "say", { room: "blue", text: "elsewhere" });
  assert.deepEqual(await ask(cid, "join", "red"), [
    { room: "red", text: "first", from: "ann" },
    { room: "red", text: "second", from: "ann" },
  ]);
  assert.deepEqual(texts(await received(ann, "said", 2)), ["first", "second"]); // in the room, so the sender hears itself
});

test("Python joins, hears and answers", async () => {
  bob = spawn("/usr/bin/python3", ["testdata/chat.py"], { env: { ...process.env, TOKEN: token({ sub: "bob", aud: "chat" }) }, stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: bob.stdout });
  const [line] = await next(lines, "line");
  assert.equal(line, "joined");
  lines.on("line", (fault) => assert.fail(fault));
  await ask(cid, "say", { room: "red", text: "bob?" });
  for (const s of [ann, cid]) {
    const all = (await received(s, "said", s === ann ? 4 : 2)).map(([m]) => m);
    assert.deepEqual(all.slice(-2), [{ room: "red", text: "bob?", from: "cid" }, { room: "red", text: "here", from: "bob" }]);
  }
});

test("whispers are for one person, in all windows, and acknowledged", async () => {
  const window = as("ann");
  await connected(window);
  window.on("whispered", (message, answer) => answer());
  const before = cid.got.length;
  assert.equal(await ask(cid, "whisper", { to: "ann", text: "psst" }), undefined);
  for (const s of [ann, window]) assert.deepEqual((await received(s, "whispered"))[0][0], { text: "psst", from: "cid" });
  await ask(ann, "whisper", { to: "bob", text: "you" });
  const [, [heard]] = await received(ann, "whispered", 2);
  assert.deepEqual(heard, { text: "heard you", from: "bob" });
  assert.equal(cid.got.length, before);
  window.disconnect();
});

test("typing reaches the others of the room only", async () => {
  const again = setInterval(() => cid.emit("typing", { room: "red" }), 50); // it is volatile: one that meets no poll of ann's is dropped
  cid.emit("typing", { room: "red" });
  const [[heard]] = await received(ann, "typing").finally(() => clearInterval(again));
  assert.deepEqual(heard, { room: "red", from: "cid" });
  assert.equal(cid.got.filter((e) => e[0] === "typing").length, 0);
});

test("nobody speaks for another, and what does not fit is refused", async () => {
  await ask(ann, "say", { room: "red", text: "me", from: "cid" });
  assert.equal((await received(cid, "said", 3)).at(-1)[0].from, "ann");
  for (const message of [{ room: "red" }, { room: "red", text: 1 }, { room: "red", text: "x".repeat(2001) }, "red"]) {
    const { error } = await ask(ann, "say", message);
    assert.ok(error.code && error.message, JSON.stringify(error));
  }
  const { error } = await ask(cid, "join", "user:ann"); // a person's own room
  assert.ok(error.code);
  assert.deepEqual([ann.drops, cid.drops], [[], []]);
});

test("a dropped transport misses nothing", async () => {
  const id = ann.id;
  const gone = next(ann, "disconnect");
  ann.io.opts.reconnectionDelay = 500;
  ann.io.reconnectionDelay(500);
  ann.io.engine.close();
  await gone;
  const known = ann.got.filter((e) => e[0] === "said").length;
  for (const text of ["one", "two", "three"]) await ask(cid, "say", { room: "red", text });
  assert.equal(ann.connected, false);
  await connected(ann);
  assert.deepEqual(texts((await received(ann, "said", known + 3)).slice(known)), ["one", "two", "three"]);
  assert.deepEqual([ann.recovered, ann.id], [true, id]);
  await ask(cid, "say", { room: "red", text: "four" }); // the room is hers still
  assert.deepEqual(texts((await received(ann, "said", known + 4)).slice(known)), ["one", "two", "three", "four"]);
});

const claims = { sub: "eve", aud: "chat" };
for (const [name, auth, reason] of [
  ["no token", {}, "missing"],
  ["an expired token", { token: token({ ...claims, exp: past() }) }, "expired"],
  ["a token of another key", { token: token(claims, "another secret of the right length") }, "signature"],
  ["a token for somebody else", { token: token({ sub: "eve", aud: "other" }) }, "audience"],
  ["a token without a signature", { token: unsigned({ ...claims, exp: 4e9 }) }, /./],
  ["a token that is none", { token: "x" }, /./],
]) {
  test(`${name} is refused`, async () => {
    const s = start("", { auth, reconnection: false });
    const [err] = await next(s, "connect_error");
    assert.equal(err.message, "unauthorized");
    typeof reason === "string" ? assert.equal(err.data.reason, reason) : assert.match(err.data.reason, reason);
    assert.equal(s.connected, false);
    s.disconnect();
  });
}
