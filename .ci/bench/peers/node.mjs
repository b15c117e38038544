// Node's Socket.IO server as a peer: relays "bench" to the others or, with the word ack, acknowledges it; POST /ingest sends to all.
//   node node.mjs PORT hub|ack
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { WebSocketServer } from 'ws'

const [port, role] = process.argv.slice(2)
const http = createServer(async (req, res) => {
  if (req.method !== 'POST' || req.url !== '/ingest') {
    res.writeHead(404).end()
    return
  }
  let body = ''
  for await (const chunk of req) body += chunk
  const { event, args } = JSON.parse(body)
  io.emit(event, ...args)
  res.writeHead(202, { 'Content-Length': 0 }).end()
})
const io = new Server(http, { wsEngine: WebSocketServer, serveClient: false })
io.on('connection', (socket) => {
  if (role === 'ack') socket.on('bench', (_, answer) => answer())
  else socket.on('bench', (...args) => socket.broadcast.emit('bench', ...args))
})
http.listen(Number(port), '127.0.0.1', 4096)
