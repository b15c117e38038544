"""python-socketio as a peer: relays "bench" to the others or, with the word ack, acknowledges it; POST /ingest sends to all.

python3 python.py PORT hub|ack
"""
import sys

import socketio
from aiohttp import web

port, role = int(sys.argv[1]), sys.argv[2]
sio = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins=[])


@sio.on("bench")
async def bench(sid, *args):
    if role != "ack":
        await sio.emit("bench", args, skip_sid=sid)
    return ()


async def ingest(request):
    body = await request.json()
    await sio.emit(body["event"], tuple(body["args"]))
    return web.Response(status=202)


app = web.Application()
sio.attach(app)
app.router.add_post("/ingest", ingest)
web.run_app(app, host="127.0.0.1", port=port, backlog=4096, print=None, access_log=None)
