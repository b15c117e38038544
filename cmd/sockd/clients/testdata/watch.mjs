// An official client that tells what happens to it, one line of JSON each: ["connect", id], ["disconnect", reason], ["refused", message, data] and, for each
// event, its name and arguments. AUTH is its auth; with TOKENS (a file, one line for each connection) the token comes from there. Lines to it are events that it
// emits; with the last argument "and answer" it tells the acknowledgement. {$bytes: "text"} is sent as binary.
import { readFileSync } from "node:fs";
import { line, start } from "./kit.mjs";

const tell = (...what) => console.log(JSON.stringify(what));
const auth = JSON.parse(process.env.AUTH || "{}");
const s = start(process.env.NAMESPACE || "", {
  auth: process.env.TOKENS ? (give) => give({ ...auth, token: readFileSync(process.env.TOKENS, "utf8").trim() }) : auth,
});
s.on("connect", () => tell("connect", s.id));
s.on("disconnect", (reason) => {
  tell("disconnect", reason);
  if (reason === "io server disconnect") s.connect(); // the library leaves that to the application
});
s.on("connect_error", (err) => tell("refused", err.message, err.data ?? null));
s.onAny((...event) => tell(...event));
for (let text; (text = await line()) !== undefined; ) {
  const event = JSON.parse(text).map((arg) => (arg?.$bytes ? Buffer.from(arg.$bytes) : arg));
  if (event.at(-1) === "and answer") event[event.length - 1] = (...args) => tell("answer", ...args);
  s.emit(...event);
}
process.exit(0);
