// A crowd that stays while the daemon is killed and comes back under it. Each member writes down what its application was told; the test's Go side
// reads that at the end. Members are of three kinds: "pid" comes back with its pid and offset, "id" with its client_id alone, "plain" with neither.
import { writeFileSync } from "node:fs";
import { start, next, within, line } from "./kit.mjs";

const url = process.env.URL;
const members = [];
const said = []; // the keys of events that a member emitted and that were acknowledged
const now = () => Math.round(performance.now());

function enter(name, kind, auth = {}, options = {}) {
  const s = start("", { auth, reconnectionDelay: 20, reconnectionDelayMax: 100, transports: ["websocket"], ...options }, url);
  const m = { name, kind, log: [], seen: new Set(), s };
  s.on("connect", () => m.log.push({ what: "in", at: now(), sid: s.id, recovered: s.recovered }));
  s.on("disconnect", (reason) => {
    m.log.push({ what: "out", at: now(), reason });
    if (kind !== "pid") s._pid = s._lastOffset = undefined;
  });
  s.onAny((event, ...args) => {
    s.got.length = 0; // the log has it
    const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
    const offset = args.length > 1 ? args.at(-1) : "";
    m.log.push({ what: event, at: now(), key: args[0], offset });
    m.seen.add(args[0]);
    ack?.();
  });
  members.push(m);
  return m;
}

// leave takes out a member that came for a while, once it has been back or has waited long enough for that.
function visit(i) {
  const m = enter(`visitor ${i}`, "pid");
  m.visitor = true;
  const limit = setTimeout(() => m.s.disconnect(), 2500);
  m.s.once("disconnect", () => m.s.once("connect", () => { clearTimeout(limit); setTimeout(() => m.s.disconnect(), 300); }));
}

let timers = [];
const commands = {
  // crowd: those that stay, the first two of them in the room "some"
  async crowd() {
    const ws = ["websocket"], both = ["polling", "websocket"];
    enter("a", "pid");
    enter("b", "pid", {}, { transports: both });
    enter("c", "pid", {}, { transports: ["polling"] });
    enter("d", "pid", { client_id: "d" });
    enter("e", "id", { client_id: "e" });
    enter("f", "id", { client_id: "f" }, { transports: ws });
    enter("g", "plain");
    await Promise.all(members.map((m) => next(m.s, "connect")));
    for (const m of members.slice(0, 2)) await m.s.timeout(10_000).emitWithAck("join", "some");
    return members.length;
  },
  // load: members come, go and talk from now on
  async load() {
    let i = 0, n = 0;
    timers.push(setInterval(() => { if (members.filter((m) => m.visitor && m.s.active).length < 6) visit(i++); }, 90));
    timers.push(setInterval(() => {
      const { s } = members[0];
      const key = `said-${n++}`;
      if (s.connected) s.emit("said", key, () => said.push(key));
    }, 20));
    return "ok";
  },
  async rest() {
    timers.forEach(clearInterval);
    return "ok";
  },
  // until KEYS: all that stay have had these events
  async until(file) {
    const keys = JSON.parse((await import("node:fs")).readFileSync(file));
    const lacking = () => members.flatMap((m) => (m.visitor || m.kind === "plain" ? [] : keys.filter((k) => !m.seen.has(k)).map((k) => `${m.name} ${k}`)));
    await within(new Promise((yes) => {
      const timer = setInterval(() => { if (!lacking().length) { clearInterval(timer); yes(); } }, 20);
    }), () => `${lacking().length} missing: ${lacking().slice(0, 20)}`);
    return "ok";
  },
  async report(file) {
    writeFileSync(file, JSON.stringify({ said, members: members.map(({ name, kind, visitor, log }) => ({ name, kind, visitor, log })) }));
    return "ok";
  },
};

console.log('"hello"');
for (;;) {
  const text = await line();
  if (text === undefined) process.exit(0);
  const [command, ...args] = text.split(" ");
  try {
    console.log(JSON.stringify({ ok: await commands[command](...args) }));
  } catch (err) {
    console.log(JSON.stringify({ err: String(err) }));
  }
}
