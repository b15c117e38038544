"""A client in Python with TOKEN: prints what reaches its own room, then what becomes of a client with another token."""
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import socketio

URL = os.environ["URL"]


def refusal(auth):
    told, sio = threading.Event(), socketio.Client(reconnection=False)
    errors = []
    sio.on("connect_error", lambda data=None: (errors.append(data), told.set()))
    try:
        sio.connect(URL, transports=["websocket"], auth=auth, wait_timeout=3)  # which this client waits out, also when it is refused
        return "no refusal"
    except socketio.exceptions.ConnectionError:
        told.wait(10)
        return f"{errors[0]['message']} {errors[0]['data']['reason']}"


sio, got = socketio.Client(), threading.Event()
sio.on("mine", lambda *args: (print("mine", *args, flush=True), got.set()))
sio.connect(URL, auth={"token": os.environ["TOKEN"]}, wait_timeout=10)
print("connected", flush=True)
got.wait(30)
with ThreadPoolExecutor() as pool:
    print(*pool.map(refusal, [{"token": os.environ["TOKEN"] + "xxxx"}, {}, None]), sep=", ", flush=True)
sio.disconnect()
