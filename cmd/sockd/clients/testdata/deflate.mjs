// permessage-deflate with Node's ws: whatever a client offers is agreed on as RFC 7692 has it, or declined, and messages pass.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { require, next, within } from "./kit.mjs";

const WebSocket = require("ws");
const address = process.env.URL.replace("http", "ws") + "/engine.io/?EIO=4&transport=websocket";
const open = [];
after(() => open.forEach((s) => s.terminate()));

async function connect(perMessageDeflate) {
  const s = new WebSocket(address, { perMessageDeflate });
  open.push(s);
  s.got = [];
  s.on("message", (data, binary) => {
    const text = data.toString();
    if (!binary && text === "2") s.send("3");
    else if (binary) s.got.push(data);
    else if (text[0] === "4") s.got.push(text.slice(1));
    s.emit("taken");
  });
  await next(s, "open");
  return s;
}

const got = (s, n) => within(new Promise((yes) => {
  const look = () => {
    if (s.got.length < n) return;
    s.off("taken", look);
    yes(s.got.splice(0, n));
  };
  s.on("taken", look);
  look();
}), () => `${s.got.length} of ${n} messages`);

const plain = await connect(false);
const noise = Buffer.from(Array.from({ length: 20_000 }, (_, i) => (i * 7919 * (i >> 3)) & 255));
const messages = ["4short", "4" + "x".repeat(50_000), Buffer.alloc(50_000, 1), noise, "4" + "ü€😀".repeat(5_000), "4"];
const contents = messages.map((m) => (typeof m === "string" ? m.slice(1) : m));

const offers = {
  "as it is": {},
  "no context kept by the server": { serverNoContextTakeover: true },
  "no context kept by the client": { clientNoContextTakeover: true },
  "no context kept": { serverNoContextTakeover: true, clientNoContextTakeover: true },
  "a small window of the client": { clientMaxWindowBits: 9 },
  "all windows of the client": { clientMaxWindowBits: 15 },
  "everything compressed": { threshold: 0 },
};
for (const [name, offer] of Object.entries(offers)) {
  test(name, async () => {
    const s = await connect(offer);
    assert.match(s.extensions, /^permessage-deflate/);
    assert.equal(plain.extensions, "");
    for (let round = 0; round < 2; round++) {
      for (const m of messages) s.send(m);
      assert.deepEqual(await got(plain, messages.length), contents);
      const before = s._socket.bytesRead;
      for (const m of messages) plain.send(m);
      assert.deepEqual(await got(s, messages.length), contents);
      const wire = s._socket.bytesRead - before;
      assert.ok(wire < 60_000, `${wire} bytes on the wire`); // of 195,000; the noise stays 20,000
    }
    s.close();
    await next(s, "close");
  });
}

test("a small window of the server, which the server may decline", async () => {
  const s = await connect({ serverMaxWindowBits: 9 });
  for (const m of messages) plain.send(m);
  assert.deepEqual(await got(s, messages.length), contents);
  for (const m of messages) s.send(m);
  assert.deepEqual(await got(plain, messages.length), contents);
});

test("a message in compressed fragments", async () => {
  const [s, other] = [await connect({ threshold: 0 }), await connect({})];
  s.send("4" + "a".repeat(5_000), { fin: false });
  s.send("b".repeat(5_000), { fin: false });
  s.send("c", { fin: true });
  for (const one of [plain, other]) assert.deepEqual(await got(one, 1), ["a".repeat(5_000) + "b".repeat(5_000) + "c"]);
});

test("what inflates to more than max_payload ends its sender with 1009", async () => {
  const s = await connect({});
  s.send("4" + "x".repeat(Number(process.env.MAX_PAYLOAD) * 5));
  const [code] = await next(s, "close");
  assert.equal(code, 1009);
});

test("nobody else was disturbed", () => assert.equal(plain.readyState, WebSocket.OPEN));
