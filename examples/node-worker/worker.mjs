// Lets clients into rooms of three colours and carries what they say there. One JSON value per line on stdin and stdout.
import { createInterface } from "node:readline";

const send = (message) => process.stdout.write(JSON.stringify(message) + "\n");
const colours = new Set(["red", "green", "blue"]);

const handlers = {
  enter({ id, sid, namespace, args: [room] }) {
    const known = colours.has(room);
    if (known) send({ join: room, sid, namespace });
    send({ ack: id, args: [known] });
  },
  say({ id, sid, namespace, args: [room, text] }) {
    send({ emit: "said", args: [room, text], to: `room:${room}`, except: `sid:${sid}`, namespace });
    send({ ack: id });
  },
};

send({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  if (message.type === "event") handlers[message.event]?.(message);
}
