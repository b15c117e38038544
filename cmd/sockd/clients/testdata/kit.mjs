// What the scripts share: clients of the wanted version and transport, and waits that are bounded.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import vm from "node:vm";

const patience = 10_000;
export const require = createRequire(process.env.CLIENTS + "/");
const parser = process.env.PARSER && require(process.env.PARSER);
export const msgpack = Boolean(parser) || /msgpack/.test(process.env.BUNDLE);
export const { io } = process.env.BUNDLE ? await bundle(process.env.BUNDLE) : require(process.env.CLIENT || "socket.io-client");
export const transports = (process.env.TRANSPORTS || "polling,websocket").split(",");
export const upgrades = transports.length > 1;

const open = new Set();
export const closeAll = () => open.forEach((s) => s.disconnect());

// bytes is binary data in the form that the client knows: Node's, or a page's.
export const bytes = (...args) => (process.env.BUNDLE ? new Uint8Array(Buffer.alloc(...args)).buffer : Buffer.alloc(...args));

// bundle loads what a page would, from sockd itself. Node lacks the WebSocket of a browser, and it has no other transport.
async function bundle(name) {
  const answer = await fetch(process.env.URL + "/socket.io/" + name, { signal: AbortSignal.timeout(patience) });
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  globalThis.WebSocket = require("ws");
  const module = { exports: {} };
  vm.compileFunction(await answer.text(), ["module", "exports"], { filename: name })(module, module.exports);
  return module.exports;
}

// client connects and resolves when it is in its namespace; over polling first, also when it has been upgraded.
export async function client(path = "", options = {}) {
  const s = start(path, options);
  await connected(s);
  return s;
}

// start does not wait. Everything that arrives is in s.got, as [event, ...args].
export function start(path = "", options = {}, url = process.env.URL) {
  const s = io(url + path, { forceNew: true, transports, parser, reconnectionDelay: 50, reconnectionDelayMax: 200, ...options });
  s.got = [];
  s.drops = [];
  s.onAny((...event) => s.got.push(event));
  s.on("disconnect", (reason) => s.drops.push(reason));
  open.add(s);
  return s;
}

export async function connected(s) {
  if (!s.connected) await next(s, "connect");
  if (upgrades && s.io.engine.transport.name !== "websocket") await next(s.io.engine, "upgrade");
}

// next is the arguments of the next event of an emitter.
export function next(emitter, event) {
  return within(new Promise((yes) => emitter.once(event, (...args) => yes(args))), `no ${event}`);
}

// received resolves with the arguments of the n events of that name that s has got or will get.
export function received(s, event, n = 1) {
  const matching = () => s.got.filter((e) => e[0] === event).map((e) => e.slice(1));
  return within(new Promise((yes) => {
    const look = () => {
      if (matching().length < n) return;
      s.offAny(look);
      yes(matching());
    };
    s.onAny(look);
    look();
  }), () => `${matching().length} of ${n} events "${event}"`);
}

// fence resolves when everything that was emitted by a before has reached b.
let fences = 0;
export async function fence(a, b) {
  const name = `fence-${++fences}-${process.pid}`;
  a.emit(name);
  await received(b, name);
}

export function within(promise, what) {
  let timer;
  const late = new Promise((_, no) => {
    timer = setTimeout(() => no(new Error(`${typeof what === "function" ? what() : what} within ${patience} ms`)), patience);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// line is the next line that the test's Go side writes, undefined when it has gone.
let lines;
export async function line() {
  lines ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  return (await lines.next()).value;
}
