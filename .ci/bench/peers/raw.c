/* The limit: the bytes of a Socket.IO server with nothing behind them. It answers each request with the same handshake, relays what begins with
 * 42[ to all others, acknowledges 42ID[, and gathers what one turn of the loop produces into one send per socket.
 *   raw PORT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FILES = 1 << 20, BATCH = 1 << 20, INPUT = 1 << 18, EVENTS = 512 };

struct conn { int fd, place; char upgraded; uint32_t kept, room; unsigned char *tail; uint32_t queued, space; unsigned char *queue; };

static struct conn *conns[FILES], *all[FILES];
static int count, poll_fd;
static unsigned char input[INPUT], batch[BATCH];
static size_t batched;
static struct conn *author; /* of the batch; NULL = several */

static const char handshake[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static const char opened[] = "0{\"sid\":\"x\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}";
static const char joined[] = "40{\"sid\":\"x\"}";

static void drop(struct conn *c) {
  conns[c->fd] = NULL;
  all[c->place] = all[--count];
  all[c->place]->place = c->place;
  close(c->fd);
  if (author == c) author = NULL;
  free(c->tail), free(c->queue), free(c);
}

/* What a socket does not take at once waits for it. */
static void deliver(struct conn *c, const unsigned char *p, size_t n) {
  if (!c->queued) {
    ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return;
    if (sent > 0) p += sent, n -= sent;
    if (!n) return;
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT, .data.fd = c->fd};
    epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->fd, &ev);
  }
  if (c->queued + n > c->space) c->queue = realloc(c->queue, c->space = 2 * (c->queued + n));
  memcpy(c->queue + c->queued, p, n);
  c->queued += n;
}

static void resume(struct conn *c) {
  ssize_t sent = send(c->fd, c->queue, c->queued, MSG_NOSIGNAL);
  if (sent <= 0) return;
  c->queued -= sent;
  memmove(c->queue, c->queue + sent, c->queued);
  if (c->queued) return;
  struct epoll_event ev = {.events = EPOLLIN, .data.fd = c->fd};
  epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->fd, &ev);
}

static size_t frame(unsigned char *to, const void *p, size_t n) {
  size_t head = 2;
  to[0] = 0x81;
  if (n < 126) to[1] = n;
  else to[1] = 126, to[2] = n >> 8, to[3] = n, head = 4;
  memcpy(to + head, p, n);
  return head + n;
}

static void relay(void) {
  for (int i = 0; batched && i < count; i++)
    if (all[i] != author && all[i]->upgraded) deliver(all[i], batch, batched);
  batched = 0, author = NULL;
}

/* Takes one message; what acknowledges it goes to answer. */
static size_t message(struct conn *c, const unsigned char *p, size_t n, unsigned char *answer) {
  if (n >= 2 && p[0] == '4' && p[1] == '0') return frame(answer, joined, sizeof joined - 1);
  if (n < 3 || p[0] != '4' || p[1] != '2') return 0;
  if (p[2] != '[') {
    char ack[40] = "43";
    size_t digits = 0;
    while (digits < 20 && p[2 + digits] >= '0' && p[2 + digits] <= '9') ack[2 + digits] = p[2 + digits], digits++;
    memcpy(ack + 2 + digits, "[]", 2);
    return frame(answer, ack, digits + 4);
  }
  if (batched && (author != c || batched + n + 4 > BATCH)) relay();
  author = c;
  if (n + 4 <= BATCH && n <= 0xffff) batched += frame(batch + batched, p, n);
  return 0;
}

static int readable(struct conn *c) {
  static unsigned char answers[INPUT];
  size_t have = c->kept, used = 0, out = 0;
  memcpy(input, c->tail, have);
  ssize_t n = recv(c->fd, input + have, INPUT - have, 0);
  if (n <= 0) return n < 0 && errno == EAGAIN;
  have += n;
  if (!c->upgraded) {
    unsigned char *end = memmem(input, have, "\r\n\r\n", 4);
    if (end) {
      used = end + 4 - input, c->upgraded = 1;
      memcpy(answers, handshake, out = sizeof handshake - 1);
      out += frame(answers + out, opened, sizeof opened - 1);
    }
  }
  while (c->upgraded && have - used >= 6) {
    unsigned char *p = input + used, *mask;
    size_t head = 6, length = p[1] & 0x7f;
    if (length == 127) return 0;
    if (length == 126) {
      if (have - used < 8) break;
      length = p[2] << 8 | p[3], head = 8;
    }
    if (have - used < head + length) break;
    mask = p + head - 4;
    if (mask[0] | mask[1] | mask[2] | mask[3])
      for (size_t i = 0; i < length; i++) p[head + i] ^= mask[i & 3];
    if ((p[0] & 15) == 8) return 0;
    if (out + 256 > INPUT) deliver(c, answers, out), out = 0;
    out += message(c, p + head, length, answers + out);
    used += head + length;
  }
  if (out) deliver(c, answers, out);
  c->kept = have - used;
  if (c->kept > c->room) c->tail = realloc(c->tail, c->room = c->kept);
  memcpy(c->tail, input + used, c->kept);
  return 1;
}

static void accepted(int listener) {
  for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    if (fd >= FILES) { close(fd); continue; }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct conn *c = calloc(1, sizeof *c);
    c->fd = fd, c->place = count;
    conns[fd] = all[count++] = c;
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &ev);
  }
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (void *)&at, sizeof at) || listen(listener, 4096)) return perror("raw"), 1;
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event first = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &first);
  for (;;) {
    int n = epoll_wait(poll_fd, events, EVENTS, -1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) { accepted(fd); continue; }
      struct conn *c = conns[fd];
      if (c && events[i].events & EPOLLOUT) resume(c);
      if (c && events[i].events & ~EPOLLOUT && !readable(c)) drop(c);
    }
    relay();
  }
}
