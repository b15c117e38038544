// Answers each event "ask" with an event "answer" of the same arguments, until it is ended.
import { client } from "./kit.mjs";

const s = await client();
s.on("ask", (...args) => s.emit("answer", ...args));
console.log("listening");
