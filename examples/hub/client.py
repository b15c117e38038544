"""The same chat in Python: python3 client.py [URL], with the package python-socketio[client]."""

import sys

import socketio

sio = socketio.Client()
sio.on("connect", lambda: print("connected", flush=True))
sio.on("disconnect", lambda: print("disconnected", flush=True))
sio.on("line", lambda text: print(f"> {text}", flush=True))
sio.connect(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8765")
for text in sys.stdin:
    sio.emit("line", text.rstrip("\n"))
sio.disconnect()
