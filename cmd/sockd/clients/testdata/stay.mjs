// Connects clients to URL and holds them while the test moves and edits the daemon under them. Each line from the test is
// one command, answered by one line of JSON.
import { start, connected, received, line } from "./kit.mjs";

const clients = {};
const commands = {
  // open NAME URL PATH
  async open(name, url, path = "") {
    clients[name] = start(path, {}, url);
    await connected(clients[name]);
    return clients[name].id;
  },
  // relay FROM TO: one event from one to the other
  async relay(from, to) {
    const event = `relay-${from}-${to}-${process.hrtime.bigint()}`;
    clients[from].emit(event);
    await received(clients[to], event);
    return "ok";
  },
  // state NAME
  async state(name) {
    const s = clients[name];
    return { id: s.id ?? null, connected: s.connected, drops: s.drops };
  },
  // dropped NAME: waits for its next disconnect that is not told yet
  async dropped(name) {
    const s = clients[name];
    if (!s.drops.length) await new Promise((yes) => s.once("disconnect", yes));
    return s.drops.shift();
  },
  // back NAME: waits until it is connected
  async back(name) {
    await connected(clients[name]);
    return clients[name].id;
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
