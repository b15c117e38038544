// What is kept is bounded: who comes back too late is told what is gone, gets the rest, and nothing twice.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { start, connected, received, within, closeAll } from "./kit.mjs";

after(closeAll);
const { SMALL, LAST } = process.env;

let sent = 0;
async function post(url, n) {
  const numbers = [];
  for (; n > 0; n--) {
    const answer = await fetch(url + "/in", { method: "POST", body: JSON.stringify({ event: "n", args: [sent++] }), headers: { "content-type": "application/json" } });
    assert.equal(answer.status, 202);
    numbers.push((await answer.json()).seq);
  }
  return numbers;
}

async function enter(url, auth = {}) {
  const s = start("", { auth }, url);
  await connected(s);
  return s;
}

// cut ends the connection and stays away; it resolves when the server knows.
const witnesses = {};
async function cut(s) {
  const url = s.io.uri.replace(/\/$/, "");
  const witness = (witnesses[url] ??= await enter(url));
  s.io.reconnection(false);
  const { id } = s;
  s.io.engine.close();
  await within(new Promise((yes) => {
    const look = () => {
      if (!witness.got.some((e) => e[0] === "left" && e[1] === id)) return;
      witness.offAny(look);
      yes();
    };
    witness.onAny(look);
    look();
  }), `${id} has not left`);
}

async function back(s) {
  s.connect();
  await connected(s);
}

// forget has the client come back without its pid.
const forget = (s) => { s._pid = s._lastOffset = undefined; };
const names = (s) => s.got.map((e) => e[0]).filter((name) => name !== "left");

// gapOf checks what s was told first: that the events after first are gone, but for the last five. The one that says that s has left has a number too.
function gapOf(s, first, missed) {
  const [name, { from, to }] = s.got[0];
  assert.deepEqual([name, to], ["sockd:gap", missed.at(-6)]);
  assert.ok(from === first + 1 || from === missed[0], `${from} is neither ${first + 1} nor ${missed[0]}`);
}

const numbers = (s) => s.got.filter((e) => e[0] === "n").map((e) => e[1]);
const upTo = (n, end) => Array.from({ length: n }, (_, i) => end - n + i);

test("a client_id that comes back after more than is kept", async () => {
  const s = await enter(SMALL, { client_id: `one ${process.pid}` });
  const { id } = s;
  const [first] = await post(SMALL, 1);
  await received(s, "n");
  await cut(s);
  forget(s);
  s.got.length = 0;
  const missed = await post(SMALL, 20);
  await back(s);
  assert.deepEqual([s.recovered, s.id !== id], [false, true]);
  await received(s, "n", 5);
  assert.deepEqual(names(s), ["sockd:gap", "n", "n", "n", "n", "n"]);
  gapOf(s, first, missed);
  assert.deepEqual(numbers(s), upTo(5, sent));
  await cut(s); // and it is told but once
  forget(s);
  s.got.length = 0;
  await post(SMALL, 2);
  await back(s);
  await received(s, "n", 2);
  assert.deepEqual([names(s), numbers(s)], [["n", "n"], upTo(2, sent)]);
  s.disconnect();
});

test("a pid whose position is gone is not recovered", async () => {
  const s = await enter(SMALL);
  const { id } = s;
  await post(SMALL, 1);
  await received(s, "n");
  await cut(s);
  await post(SMALL, 20);
  s.got.length = 0;
  await back(s);
  assert.deepEqual([s.recovered, s.id !== id], [false, true]);
  await post(SMALL, 1);
  await received(s, "n");
  assert.deepEqual(numbers(s), upTo(1, sent)); // what is published from now on
  s.disconnect();
});

test("a pid and a client_id whose position is gone", async () => {
  const s = await enter(SMALL, { client_id: `both ${process.pid}` });
  const [first] = await post(SMALL, 1);
  await received(s, "n");
  await cut(s);
  const missed = await post(SMALL, 20);
  s.got.length = 0;
  await back(s);
  assert.equal(s.recovered, false);
  await received(s, "n", 5);
  gapOf(s, first, missed);
  assert.deepEqual(numbers(s), upTo(5, sent));
  s.disconnect();
});

test("the last events for who is new, and nothing twice for who is not", async () => {
  await post(LAST, 10);
  for (const [auth, recovers] of [[{}, true], [{ client_id: `two ${process.pid}` }, true], [{ client_id: `three ${process.pid}` }, false]]) {
    const s = await enter(LAST, auth);
    await received(s, "n", 3);
    assert.deepEqual(numbers(s), upTo(3, sent));
    let all = 3;
    for (const missed of [0, 2, 5]) {
      await cut(s);
      if (!recovers) forget(s);
      await post(LAST, missed);
      await back(s);
      assert.equal(s.recovered, recovers);
      await post(LAST, 1); // what is sent twice, comes before it
      all += missed + 1;
      await received(s, "n", all);
      assert.deepEqual(numbers(s), upTo(all, sent));
    }
    s.disconnect();
  }
});
