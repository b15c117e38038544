// A chat on the terminal: each line that you type goes to the others, each line of theirs is printed.
//
//   npm install socket.io-client
//   node client.mjs [URL]
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const socket = io(process.argv[2] ?? "http://127.0.0.1:8765");
socket.on("connect", () => console.log("connected"));
socket.on("disconnect", (reason) => console.log(`disconnected: ${reason}`));
socket.on("connect_error", (err) => console.log(`no connection: ${err.message}`));
socket.on("line", (text) => console.log(`> ${text}`));

const lines = createInterface({ input: process.stdin });
lines.on("line", (text) => socket.emit("line", text));
lines.on("close", () => socket.disconnect());
