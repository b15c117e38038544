"""python-socketio, blocking and asyncio, against a hub: URL, TRANSPORTS and the peer of echo.mjs come from the test."""

import asyncio
import os
import socket
import threading
import time
import traceback

import socketio

URL = os.environ["URL"]
TRANSPORTS = os.environ["TRANSPORTS"].split(",")
PATIENCE = 10
ARGS = ("ü\u2028é😀\"\\", {"n": 1.5, "deep": [None, True, {"x": []}]}, -7, "")
BINARY = (b"\x00\x01\x7f\x80\xff", {"deep": [b"abc", {"x": b""}]}, "text")
MANY = 300
# This client gives up on an answer to a poll with more than 16 packets (max_decode_packets), from any server. A binary event
# of ours is two packets.
LUMP = MANY if TRANSPORTS[-1] == "websocket" else 8


def check(ok, what):
    if not ok:
        raise AssertionError(what)


class Blocking:
    """A blocking client whose events are kept, with waits that are bounded."""

    def __init__(self, namespace="/", expect=TRANSPORTS[-1]):
        self.sio = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.2)
        self.namespace = namespace
        self.got = []
        self.more = threading.Condition()
        self.drops = 0
        self.sio.on("*", self._event, namespace=namespace)
        self.sio.on("disconnect", self._dropped, namespace=namespace)
        self.sio.connect(URL, transports=TRANSPORTS, namespaces=[namespace], wait_timeout=PATIENCE)
        until(lambda: self.sio.transport() == expect, f"transport {expect}, not {self.sio.transport()}")

    def _event(self, name, *args):
        with self.more:
            self.got.append((name, args))
            self.more.notify_all()

    def _dropped(self):
        self.drops += 1

    def emit(self, name, *args):
        self.sio.emit(name, args, namespace=self.namespace)

    def of(self, name):
        return [args for n, args in self.got if n == name]

    def received(self, name, n=1):
        with self.more:
            ok = self.more.wait_for(lambda: len(self.of(name)) >= n, PATIENCE)
            check(ok, f"{len(self.of(name))} of {n} events {name}")
            return self.of(name)


def until(condition, what):
    """The client offers no event for some of its states, so these few are polled."""
    end = time.monotonic() + PATIENCE
    pause = threading.Event()
    while not condition():
        check(time.monotonic() < end, what)
        pause.wait(0.01)


def blocking():
    a, b, c = Blocking(), Blocking(), Blocking()
    a.emit("text", *ARGS)
    for s in (b, c):
        check(s.received("text") == [ARGS], f"text: {s.of('text')}")
    a.emit("binary", *BINARY)
    check(b.received("binary") == [BINARY], f"binary: {b.of('binary')}")
    for i in range(MANY):
        a.emit("many", i, "x" * i)
        if i % LUMP == LUMP - 1:
            b.received("many", i + 1)
            c.received("many", i + 1)
    for s in (b, c):
        # A thread for each message: this client itself knows no order.
        check(sorted(x[0] for x in s.received("many", MANY)) == list(range(MANY)), "many")
    check(a.got == [], f"the sender got {a.got}")

    chat, other = Blocking("/chat"), Blocking("/chat")
    other.emit("apart", 1)
    check(chat.received("apart") == [(1,)], "namespace")
    check(a.of("apart") == [], "namespaces are not apart")
    refused, errors = socketio.Client(reconnection=False), []
    refused.on("connect_error", errors.append, namespace="/nope")
    refused.connect(URL, transports=TRANSPORTS, namespaces=["/nope"], wait=False)
    until(lambda: errors, "/nope was not refused")
    check(errors == [{"message": "Invalid namespace"}], f"/nope: {errors}")
    refused.disconnect()

    a.emit("ask", "ü", {"b": b"\x00\xff"}, [1])  # to the peer under Node
    check(a.received("answer") == [("ü", {"b": b"\x00\xff"}, [1])], f"answer: {a.of('answer')}")

    if TRANSPORTS[-1] == "websocket":
        b.sio.eio.ws.sock.shutdown(socket.SHUT_RDWR)  # a cut, not a farewell
        until(lambda: b.drops, "the cut is not noticed")
        until(lambda: b.sio.get_sid() and b.sio.connected and b.sio.transport() == "websocket", "no reconnection")
        a.emit("back", 1)
        check(b.received("back") == [(1,)], "after the reconnection")
    for s in (a, b, c, chat, other):
        s.sio.disconnect()


class Async:
    """The same over asyncio."""

    async def open(self):
        self.sio = socketio.AsyncClient()
        self.got = []
        self.more = asyncio.Condition()
        self.sio.on("*", self._event)
        await self.sio.connect(URL, transports=TRANSPORTS, wait_timeout=PATIENCE)
        end = time.monotonic() + PATIENCE
        while self.sio.transport() != TRANSPORTS[-1]:
            check(time.monotonic() < end, f"transport {self.sio.transport()}")
            await asyncio.sleep(0.01)
        return self

    async def _event(self, name, *args):
        async with self.more:
            self.got.append((name, args))
            self.more.notify_all()

    async def received(self, name, n=1):
        def matching():
            return [args for got, args in self.got if got == name]

        async with self.more:
            await asyncio.wait_for(self.more.wait_for(lambda: len(matching()) >= n), PATIENCE)
        return matching()


async def asyncio_clients():
    a, b = await Async().open(), await Async().open()
    await a.sio.emit("text", ARGS)
    check(await b.received("text") == [ARGS], "text")
    await b.sio.emit("binary", BINARY)
    check(await a.received("binary") == [BINARY], "binary")
    for i in range(MANY):
        await a.sio.emit("order", (i, bytes(i)))
        if i % LUMP == LUMP - 1:
            await b.received("order", i + 1)
    check([x[0] for x in await b.received("order", MANY)] == list(range(MANY)), "order")
    check(len(a.got) == 1, f"the sender got {a.got}")
    await a.sio.disconnect()
    await b.sio.disconnect()


try:
    if os.environ["CLIENT"] == "blocking":
        blocking()
    else:
        asyncio.run(asyncio_clients())
except BaseException:
    traceback.print_exc()
    os._exit(1)  # the client's threads would hold the process
