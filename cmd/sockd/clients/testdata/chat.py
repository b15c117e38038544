"""Bob, a member of the chat example, over python-socketio: answers what is said to him, and says how the others' events reached him."""
import os
import threading

import socketio

sio = socketio.Client(reconnection_delay=0.05)
came, said = threading.Event(), []


@sio.on("said")
def on_said(message, offset):
    assert isinstance(offset, str), offset
    said.append(message)
    if message["text"] == "bob?":
        sio.emit("say", {"room": message["room"], "text": "here"}, callback=lambda *args: check(args == (), args))


@sio.on("whispered")
def on_whispered(message, *offset):
    sio.emit("whisper", {"to": message["from"], "text": "heard " + message["text"]})  # what this returns acknowledges it


def check(ok, what):
    if not ok:
        print("fault:", what, flush=True)


refused = socketio.Client(reconnection=False)
errors = []
refused.on("connect_error", lambda data: (errors.append(data), came.set()))
try:
    refused.connect(os.environ["URL"], transports=["websocket"], auth={"token": "no.such.token"})
except socketio.exceptions.ConnectionError:
    pass
check(came.wait(10) and errors[0]["message"] == "unauthorized" and errors[0]["data"]["reason"], errors)
sio.connect(os.environ["URL"], transports=["polling", "websocket"], auth={"token": os.environ["TOKEN"]}, wait_timeout=10)
history = sio.call("join", "red", timeout=10)
check([m["text"] for m in history] == ["first", "second"], history)
print("joined", flush=True)
sio.wait()
