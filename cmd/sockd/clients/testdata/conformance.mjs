// What the official suites of the two protocols ask of their reference applications: 25 tests of Engine.IO, 32 of Socket.IO (SUITE), ROUNDS times
// in a row. Written anew over fetch and ws, so that no client library stands between the bytes and what is compared.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { require, within } from "./kit.mjs";

const { WebSocket } = require("ws");
const socketio = process.env.SUITE === "socket";
const base = process.env.URL + (socketio ? "/socket.io/" : "/engine.io/");
const interval = 300, timeout = 200;

const text = async (r) => ({ status: r.status, body: await r.text() });
const get = async (query, options) => text(await fetch(base + "?" + query, options));
const poll = (sid, options) => get(`EIO=4&transport=polling&sid=${sid}`, options);
const post = (sid, body) => poll(sid, { method: "POST", body });
async function session() {
  const { status, body } = await get("EIO=4&transport=polling");
  assert.equal(status, 200);
  return JSON.parse(body.slice(1)).sid;
}

// open is a WebSocket whose frames wait until they are asked for; text comes as string, bytes as Buffer.
function open(query = "EIO=4&transport=websocket") {
  const ws = new WebSocket(base.replace("http", "ws") + "?" + query);
  const frames = [], waiting = [];
  ws.on("error", () => {}); // refused: "close" follows
  ws.on("message", (data, binary) => {
    const frame = binary ? data : data.toString();
    waiting.length ? waiting.shift()(frame) : frames.push(frame);
  });
  ws.frame = () => within(frames.length ? Promise.resolve(frames.shift()) : new Promise((yes) => waiting.push(yes)), "no frame");
  ws.opened = within(new Promise((yes) => ws.once("open", yes)), "not open");
  ws.opened.catch(() => {});
  ws.closed = new Promise((yes) => ws.once("close", yes));
  ws.gone = () => within(ws.closed, "not closed");
  return ws;
}
async function handshake() {
  const ws = open();
  assert.match(await ws.frame(), /^0\{/);
  return ws;
}
async function upgrade(sid) {
  const ws = open(`EIO=4&transport=websocket&sid=${sid}`);
  await ws.opened;
  ws.send("2probe");
  assert.equal(await ws.frame(), "3probe");
  return ws;
}
function isOpen(packet, upgrades) {
  assert.equal(packet[0], "0");
  const value = JSON.parse(packet.slice(1));
  assert.deepEqual(Object.keys(value).sort(), ["maxPayload", "pingInterval", "pingTimeout", "sid", "upgrades"]);
  assert.equal(typeof value.sid, "string");
  assert.deepEqual([value.upgrades, value.pingInterval, value.pingTimeout, value.maxPayload], [upgrades, interval, timeout, 1000000]);
}
const is400 = async (answer) => assert.equal((await answer).status, 400);
const refused = (query) => open(query).gone();

const tests = {
  async "polling: handshake"() {
    const { status, body } = await get("EIO=4&transport=polling");
    assert.equal(status, 200);
    isOpen(body, ["websocket"]);
  },
  async "polling: EIO missing or invalid"() {
    await is400(get("transport=polling"));
    await is400(get("EIO=abc&transport=polling"));
  },
  async "polling: transport missing or invalid"() {
    await is400(get("EIO=4"));
    await is400(get("EIO=4&transport=abc"));
  },
  async "polling: another method"() {
    await is400(get("EIO=4&transport=polling", { method: "POST" }));
    await is400(get("EIO=4&transport=polling", { method: "PUT" }));
  },
  async "websocket: handshake"() {
    const ws = open();
    isOpen(await ws.frame(), []);
    ws.close();
  },
  async "websocket: EIO missing or invalid"() {
    await refused("transport=websocket");
    await refused("EIO=abc&transport=websocket");
  },
  async "websocket: transport missing or invalid"() {
    await refused("EIO=4");
    await refused("EIO=4&transport=abc");
  },
  async "polling: three pings"() {
    const sid = await session();
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await poll(sid), { status: 200, body: "2" });
      assert.equal((await post(sid, "3")).status, 200);
    }
  },
  async "polling: ping timeout"() {
    const sid = await session();
    await pause(interval + timeout);
    await is400(poll(sid));
  },
  async "websocket: three pings"() {
    const ws = await handshake();
    for (let i = 0; i < 3; i++) {
      assert.equal(await ws.frame(), "2");
      ws.send("3");
    }
    ws.close();
  },
  async "websocket: ping timeout"() {
    await (await handshake()).gone();
  },
  async "polling: close"() {
    const sid = await session();
    const [pending, farewell] = await Promise.all([poll(sid), post(sid, "1")]);
    assert.deepEqual(pending, { status: 200, body: "6" });
    assert.equal(farewell.status, 200);
    await is400(poll(sid));
  },
  async "websocket: close"() {
    const ws = await handshake();
    ws.send("1");
    await ws.gone();
  },
  async "upgrade"() {
    const sid = await session();
    const ws = await upgrade(sid);
    assert.deepEqual(await poll(sid), { status: 200, body: "6" });
    ws.send("5");
    ws.send(socketio ? "40" : "4hello");
    const frame = await ws.frame();
    socketio ? assert.match(frame, /^40\{"sid":"[^"]+"\}$/) : assert.equal(frame, "4hello");
    ws.close();
  },
  async "upgrade: polling afterwards"() {
    const sid = await session();
    const ws = await upgrade(sid);
    ws.send("5");
    await is400(poll(sid));
    ws.send(socketio ? "40" : "4hello");
    assert.match(await ws.frame(), socketio ? /^40\{/ : /^4hello$/);
    ws.close();
  },
  async "upgrade: a second WebSocket"() {
    const sid = await session();
    const ws = await upgrade(sid);
    ws.send("5");
    await refused(`EIO=4&transport=websocket&sid=${sid}`);
    ws.send(socketio ? "40" : "4hello");
    assert.match(await ws.frame(), socketio ? /^40\{/ : /^4hello$/);
    ws.close();
  },
};

const engine = {
  async "polling: text"() {
    const sid = await session();
    assert.deepEqual(await post(sid, "4hello"), { status: 200, body: "ok" });
    assert.deepEqual(await poll(sid), { status: 200, body: "4hello" });
  },
  async "polling: several packets"() {
    const sid = await session();
    await post(sid, "4test1\x1e4test2\x1e4test3");
    assert.deepEqual(await poll(sid), { status: 200, body: "4test1\x1e4test2\x1e4test3" });
  },
  async "polling: binary"() {
    const sid = await session();
    await post(sid, "4hello\x1ebAQIDBA==");
    assert.deepEqual(await poll(sid), { status: 200, body: "4hello\x1ebAQIDBA==" });
  },
  async "polling: invalid packet"() {
    const sid = await session();
    try { await post(sid, "abc"); } catch {} // its answer is nobody's business
    await is400(poll(sid));
  },
  async "polling: two GETs"() {
    const sid = await session();
    const first = poll(sid);
    await pause(5);
    const second = await poll(sid);
    assert.deepEqual(await first, { status: 200, body: "1" });
    assert.ok([400, 500].includes(second.status), second.status);
    await is400(poll(sid));
  },
  async "polling: GET cancelled"() {
    const sid = await session();
    const gone = new AbortController();
    const pending = poll(sid, { signal: gone.signal }).catch(() => {});
    await pause(5);
    gone.abort();
    await pending;
    await pause(5);
    await is400(poll(sid));
  },
  async "websocket: text"() {
    const ws = await handshake();
    ws.send("4hello");
    assert.equal(await ws.frame(), "4hello");
    ws.close();
  },
  async "websocket: binary"() {
    const ws = await handshake();
    ws.send(Buffer.from([1, 2, 3, 4]));
    assert.deepEqual(await ws.frame(), Buffer.from([1, 2, 3, 4]));
    ws.close();
  },
  async "websocket: invalid packet"() {
    const ws = await handshake();
    ws.send("abc");
    await ws.gone();
  },
};

// joined is a WebSocket in the main namespace.
async function joined() {
  const ws = await handshake();
  ws.send("40");
  assert.match(await ws.frame(), /^40\{"sid":"[^"]+"\}$/);
  assert.equal(await ws.frame(), '42["auth",{}]');
  return ws;
}
async function connects(packet, prefix, auth) {
  const ws = await handshake();
  ws.send(packet);
  const answer = await ws.frame();
  assert.ok(answer.startsWith(prefix), answer);
  assert.deepEqual(Object.keys(JSON.parse(answer.slice(prefix.length))), ["sid"]);
  assert.equal(await ws.frame(), auth);
  ws.close();
}
async function answers(sent, ...want) {
  const ws = await joined();
  for (const frame of [].concat(sent)) ws.send(frame);
  for (const frame of want) assert.deepEqual(await ws.frame(), frame);
  ws.close();
}
async function ends(packet) {
  const ws = await joined();
  ws.send(packet);
  await ws.gone();
}
const [one, two] = [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])];
const placeholders = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';

const socket = {
  "connect to /": () => connects("40", "40", '42["auth",{}]'),
  "connect to / with a payload": () => connects('40{"token":"123"}', "40", '42["auth",{"token":"123"}]'),
  "connect to /custom": () => connects("40/custom,", "40/custom,", '42/custom,["auth",{}]'),
  "connect to /custom with a payload": () => connects('40/custom,{"token":"abc"}', "40/custom,", '42/custom,["auth",{"token":"abc"}]'),
  async "connect to an unknown namespace"() {
    const ws = await handshake();
    ws.send("40/random");
    assert.equal(await ws.frame(), '44/random,{"message":"Invalid namespace"}');
    ws.close();
  },
  async "an invalid packet instead of CONNECT"() {
    const ws = await handshake();
    ws.send("4abc");
    await ws.gone();
  },
  async "no CONNECT"() {
    await (await handshake()).gone();
  },
  async "disconnect from /"() {
    const ws = await joined();
    ws.send("41");
    assert.equal(await ws.frame(), "2");
    ws.close();
  },
  async "disconnect from /custom"() {
    const ws = await joined();
    assert.equal(await ws.frame(), "2");
    ws.send("40/custom");
    assert.match(await ws.frame(), /^40\/custom,\{"sid":"[^"]+"\}$/);
    assert.equal(await ws.frame(), '42/custom,["auth",{}]');
    ws.send("41/custom");
    ws.send('42["message","message to main namespace"]');
    assert.equal(await ws.frame(), '42["message-back","message to main namespace"]');
    ws.close();
  },
  "plain event": () => answers('42["message",1,"2",{"3":[true]}]', '42["message-back",1,"2",{"3":[true]}]'),
  "binary event": () => answers([`452-["message",${placeholders}]`, one, two], `452-["message-back",${placeholders}]`, one, two),
  "acknowledgement": () => answers('42456["message-with-ack",1,"2",{"3":[false]}]', '43456[1,"2",{"3":[false]}]'),
  "binary acknowledgement": () => answers([`452-789["message-with-ack",${placeholders}]`, one, two], `462-789[${placeholders}]`, one, two),
  "invalid packet": () => ends("4abc"),
  "invalid payload": () => ends("42{}"),
  "invalid id": () => ends('42abc["message-with-ack",1,"2",{"3":[false]}]'),
};

const all = Object.entries({ ...tests, ...(socketio ? socket : engine) });
assert.equal(all.length, socketio ? 32 : 25);
let failed = 0;
for (let round = 1; round <= Number(process.env.ROUNDS); round++) {
  const left = all.slice();
  const worker = async () => {
    for (let next; (next = left.shift()); ) {
      const [name, run] = next;
      await run().catch((err) => { failed++; console.log(`round ${round}, ${name}: ${err.stack}`); });
    }
  };
  await Promise.all(Array.from({ length: 6 }, worker)); // most of them do nothing but wait
}
process.exit(failed ? 1 : 0);
