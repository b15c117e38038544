// Hooks and pages of the daemon that examples/claude-mpm replaces, as they behave: what is posted to URL, what pages get, and that a second server
// (OTHER) notices nothing.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import test, { after } from "node:test";
import { closeAll, connected, next, received, start } from "./kit.mjs";

const { URL: url, OTHER: other } = process.env;
after(closeAll);
const open = (order, at = url) => start("", { transports: order, auth: order[0] === "polling" ? undefined : { client_id: "page" } }, at);
const [page, legacy, elsewhere] = [open(["polling", "websocket"]), open(["websocket", "polling"]), open(["websocket", "polling"], other)];
await Promise.all([connected(page), next(legacy, "connect"), next(elsewhere, "connect")]);

// hook posts as a hook does: a connection of its own.
async function hook(body, at = url) {
  const answer = await fetch(at + "/api/events", { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body), headers: { connection: "close" } });
  return [answer.status, await answer.text()];
}

// curl is the bash hook: 0.2 s to connect, 0.3 s in total. Where it is not installed its limits hold for another client.
const installed = !spawnSync("curl", ["--version"]).error;
async function curl(body) {
  if (!installed) return impatient(JSON.stringify(body));
  const limits = ["--connect-timeout", "0.2", "--max-time", "0.3"];
  const child = execFile("curl", ["-sS", "-w", "%{http_code}", "-X", "POST", "-H", "Content-Type: application/json", ...limits, "--data-binary", "@-", url + "/api/events"]);
  child.stdin.end(JSON.stringify(body));
  let out = "";
  child.stdout.on("data", (text) => (out += text));
  child.stderr.on("data", (text) => (out += text));
  await once(child, "close");
  return [Number(out.slice(-3)) || out, out.slice(0, -3)];
}

async function impatient(body) {
  const request = http.request(url + "/api/events", { method: "POST", agent: false, headers: { expect: "100-continue" }, signal: AbortSignal.timeout(300) });
  request.flushHeaders();
  await once(request, "continue");
  request.end(body);
  const [answer] = await once(request, "response");
  let text = "";
  for await (const chunk of answer) text += chunk;
  return [answer.statusCode, text];
}

const at = "2026-01-02T03:04:05Z";
const bash = { type: "hook", hook_event_name: "PreToolUse", tool_name: "Bash", session_id: "s1", correlation_id: "c1", timestamp: at, source: "fast_hook" };
const stdin = { tool_input: { command: "ls", "ü": ["\u2028", null, 1.5] }, cwd: "/p" };
const python = { event: "mpm_event", type: "hook", timestamp: "2026-01-02T03:04:05.123456+00:00" };
const shapes = [
  ["bash", { namespace: "/", event: "claude_event", data: { ...bash, subtype: "pre_tool", data: stdin } }, "tool_event",
    { subtype: "pre_tool", data: stdin, timestamp: at, session_id: "s1", source: "fast_hook", correlation_id: "c1", cwd: "/p" }],
  ["Python", { namespace: "/hook", event: "claude_event", data: { ...python, source: "hook", subtype: "user_prompt", data: { prompt: "hi" }, session_id: "s2", cwd: "/q", correlation_id: "" } }, "claude_event",
    { subtype: "user_prompt", data: { prompt: "hi" }, timestamp: "2026-01-02T03:04:05.123456+00:00", session_id: "s2", source: "hook", cwd: "/q" }],
  ["Python without its normalizer", { namespace: "", event: "claude_event", data: { ...python, subtype: "subagent_stop", data: { agent: "x", sessionId: "s3", working_directory: "/w" } } }, "hook_event",
    { subtype: "subagent_stop", data: { agent: "x", sessionId: "s3", working_directory: "/w" }, timestamp: "2026-01-02T03:04:05.123456+00:00", session_id: "s3", source: "hook", cwd: "/w" }],
  ["asynchronous", { event: "claude_event", timestamp: at, source: "async", data: { type: "hook", subtype: "response_ended", data: { text: "done" } } }, "response_event",
    { subtype: "response_ended", data: { text: "done" }, session_id: null, source: "hook" }],
  ["a payload with data of its own", { event: "claude_event", data: { type: "hook", subtype: "file_read", timestamp: at, data: { path: "/f", data: { lines: 3 } } } }, "file_event",
    { subtype: "file_read", data: { path: "/f", data: { lines: 3 } }, timestamp: at, session_id: null, source: "hook" }],
  ["bare", { type: "hook", subtype: "todo_updated", data: { todos: [1] }, session_id: "s5", timestamp: at }, "hook_event",
    { subtype: "todo_updated", data: { todos: [1] }, timestamp: at, session_id: "s5", source: "hook" }],
  ...[["PreToolUse", "pre_tool", "tool_event"], ["PostToolUse", "post_tool", "tool_event"], ["SessionStart", "session_start", "session_event"], ["SubagentStop", "subagent_stop", "hook_event"],
    ["UserPromptSubmit", "user_prompt", "claude_event"], ["Stop", "stop", "claude_event"], ["Notification", "notification", "claude_event"], ["AssistantResponse", "assistant_response", "claude_event"],
    ["PreCompact", "pre_compact", "claude_event"]].map(([name, subtype, category]) =>
    [`raw ${name}`, { hook_event_name: name, hook_input_data: { of: name }, session_id: "s6", timestamp: at }, category, { subtype, data: { of: name }, timestamp: at, session_id: "s6", source: "hook" }]),
  ["deep", { event: "any", data: { a: 1, data: { data: { type: "agent_start", sessionId: "s8" } } } }, "agent_event",
    { subtype: "agent_start", data: { type: "agent_start", sessionId: "s8" }, session_id: "s8", source: "hook" }],
  ["a time that is none of JavaScript's", { event: "x", data: { subtype: "tool_use", timestamp: "2026-01-02T03:04:05+00:00Z" } }, "tool_event",
    { subtype: "tool_use", data: { subtype: "tool_use", timestamp: "2026-01-02T03:04:05+00:00Z" }, timestamp: at, session_id: null, source: "hook" }],
  ["only a name", { event: "system_ready", data: {} }, "system_event", { subtype: "system_ready", data: {}, session_id: null, source: "hook" }],
  ["without data", { event: "custom" }, "claude_event", { subtype: "custom", data: {}, session_id: null, source: "hook" }],
];
// posted counts what has reached the page.
const posted = () => page.got.filter((e) => e[0].endsWith("_event")).length;
for (const post of [hook, curl]) {
  for (const [name, body, category, want] of shapes) {
    test(`${post.name}: ${name}`, async () => {
      const before = page.got.filter((e) => e[0] === category).length;
      assert.deepEqual(await post(body), [204, ""]);
      for (const s of [page, legacy]) {
        const [got, ...rest] = (await received(s, category, before + 1)).at(-1);
        assert.match(got.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$/);
        assert.deepEqual([got, rest], [{ type: category, timestamp: got.timestamp, ...want }, []]);
      }
    });
  }
}

test("a large body is expected before it is sent", async () => {
  const before = page.got.filter((e) => e[0] === "tool_event").length;
  const data = { tool_response: "x".repeat(2 << 20) };
  for (const post of [curl, (body) => impatient(JSON.stringify(body))]) {
    assert.deepEqual(await post({ event: "claude_event", data: { ...bash, subtype: "post_tool", data } }), [204, ""]);
  }
  const [got] = (await received(page, "tool_event", before + 2)).at(-1);
  assert.equal(got.data.tool_response.length, 2 << 20);
});

test("what is no event is refused, and reaches nobody", async () => {
  const before = page.got.length;
  for (const body of ["{", "7", { event: "claude_event", data: "text" }]) assert.equal((await hook(body))[0], 400, JSON.stringify(body));
  assert.equal(page.got.length, before);
});

test("a page is greeted, and given the last fifty, oldest first", async () => {
  const content = "x".repeat(15_000); // of files: more than one answer holds
  for (let n = 0; n < 80; n++) {
    assert.deepEqual(await hook({ event: "n", data: { type: "hook", subtype: n % 2 ? "file_write" : "token_usage_updated", data: { n, content } } }), [204, ""]);
  }
  await received(page, "file_event", 42);
  for (const order of [["polling", "websocket"], ["websocket", "polling"]]) {
    const s = open(order);
    const [[history]] = await received(s, "history");
    assert.deepEqual(s.got.slice(0, 4).map((e) => e[0]), ["status", "welcome", "dashboard:welcome", "history"]);
    const [[status]] = await received(s, "status");
    assert.equal(status.server, "claude-mpm-python-socketio");
    assert.equal(status.client_id, s.id);
    assert.ok(status.clients_connected >= 2);
    assert.deepEqual(Object.keys(status).sort(), ["claude_pid", "claude_status", "client_id", "clients_connected", "server", "server_version", "session_id", "timestamp"]);
    const [[welcome]] = await received(s, "welcome");
    assert.deepEqual([welcome.client_id, Object.keys(welcome).sort()], [s.id, ["client_id", "message", "server_time"]]);
    assert.deepEqual([history.count, history.total_available, history.events.length], [50, posted(), 50]);
    assert.deepEqual(history.events.map((e) => e.data.n), Array.from({ length: 50 }, (_, i) => 30 + i));
    s.disconnect();
  }
});

test("get_history by number and kind", async () => {
  for (const [ask, n, kinds] of [
    [{ limit: 3 }, 3], [{ limit: 5, event_types: ["file_event"] }, 5, ["file_event"]], [{ event_types: ["session_event", "response_event"] }, 0, ["session_event", "response_event"]],
    [{ limit: 1e6 }], [undefined], [{ limit: 2, event_types: ["none"] }, 0, []],
  ]) {
    const before = legacy.got.filter((e) => e[0] === "history").length;
    legacy.emit("get_history", ...(ask ? [ask] : []));
    const [h] = (await received(legacy, "history", before + 1)).at(-1);
    assert.equal(h.count, h.events.length);
    assert.ok(h.total_available >= h.count);
    assert.ok(h.count <= 100 && (kinds || n || h.count >= 59), `${h.count}`); // as many as fit
    if (n) assert.equal(h.count, n, JSON.stringify(ask));
    if (kinds) assert.ok(h.events.every((e) => kinds.includes(e.type)), JSON.stringify(ask));
    if (kinds?.length === 2) assert.ok(h.count > 30);
  }
  assert.equal(page.got.filter((e) => e[0] === "history").length, 1); // nobody else's business
});

test("hooks of the older kind speak over a socket", async () => {
  for (const [type, everybody] of [["hook.pre_tool", true], ["hook", true], ["session", false]]) {
    const event = { type, timestamp: at, data: { of: type } };
    const [mine, theirs] = [legacy, page].map((s) => s.got.filter((e) => e[0] === "claude_event").length);
    legacy.emit("claude_event", event);
    assert.deepEqual((await received(page, "claude_event", theirs + 1)).at(-1), [event]);
    if (everybody) assert.deepEqual((await received(legacy, "claude_event", mine + 1)).at(-1), [event]);
    else assert.equal(legacy.got.filter((e) => e[0] === "claude_event").length, mine);
  }
});

test("what is not there is said to be not there; what is unknown disconnects nobody", async () => {
  for (const name of ["request.status", "ping", "pong", "code:analyze", "subscribe", "get_directory_listing", "hook:ingest", "error", "x".repeat(500)]) legacy.emit(name, { timestamp: at }, [null]);
  for (const [ask, argument, answer] of [
    ["read_file", { file_path: "/etc/passwd" }, "file_content_response"], ["get_git_branch", "/p", "git_branch_response"],
    ["check_file_tracked", { file_path: "/p/f" }, "file_tracked_response"], ["git_add_file", { file_path: "/p/f" }, "git_add_response"], ["read_file", "odd", "file_content_response"],
  ]) {
    const before = legacy.got.filter((e) => e[0] === answer).length;
    legacy.emit(ask, argument);
    assert.equal((await received(legacy, answer, before + 1)).at(-1)[0].success, false);
  }
  legacy.emit("dashboard:ping");
  await received(legacy, "dashboard:pong");
});

test("the namespaces of the older pool are refused", async () => {
  for (const path of ["/hook", "/health"]) {
    const s = start(path, { reconnection: false });
    assert.equal((await next(s, "connect_error"))[0].message, "Invalid namespace");
    s.disconnect();
  }
});

test("the other server has its own events", async () => {
  assert.deepEqual(elsewhere.got.filter((e) => !/^(status|welcome|history|dashboard:.*)$/.test(e[0])), []);
  assert.deepEqual(await hook({ event: "there", data: { type: "hook", subtype: "pre_tool", data: { only: "there" } } }, other), [204, ""]);
  assert.deepEqual((await received(elsewhere, "tool_event"))[0][0].data, { only: "there" });
  assert.equal(page.got.filter((e) => e[1]?.data?.only).length, 0);
  assert.deepEqual([page.drops, legacy.drops, elsewhere.drops], [[], [], []]);
});
