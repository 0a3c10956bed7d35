/* What fan-out costs at the least: writes prebuilt WebSocket frames to many sockets with epoll, and nothing else.
 *
 *     baseline SOCKETS BYTES FRAMES ROUNDS MICROSECONDS
 *
 * Prints the port it listens on, answers the handshakes of SOCKETS clients, and waits for a line on its standard
 * input. Then it writes ROUNDS times, MICROSECONDS apart, FRAMES frames of BYTES bytes to every socket by one write()
 * each; FRAMES may be a fraction, then rounds of fewer and of more frames alternate. At last it prints the CPU time of
 * that in microseconds, user and system, and the numbers of frames, of writes and of those that were not taken whole.
 */
#define _GNU_SOURCE /* accept4 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST 2048
#define EVENTS 256

static const char GREETING[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: unchecked\r\n\r\n"
    "\x81\x11{\"event\":\"hello\"}";

struct client {
    int fd;
    int asked;     /* bytes of its request so far */
    int waiting;   /* until there is room in the socket */
    size_t at;     /* where within a frame it is */
    size_t behind; /* bytes that it has yet to get */
    char request[REQUEST];
};

static struct client *clients;
static char *frames;
static size_t frame_bytes, most;
static long writes, partial;
static int waker;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static void watch(int index, int fd, unsigned events, int how) {
    struct epoll_event event = {.events = events, .data.u32 = index};
    if (epoll_ctl(waker, how, fd, &event) < 0)
        die("epoll_ctl");
}

/* Write what a client has yet to get; all frames are alike, so its place within one tells which bytes those are. */
static void flush(int index) {
    struct client *client = &clients[index];
    int waited = client->waiting;
    client->waiting = 0;
    while (client->behind && !client->waiting) {
        size_t size = client->behind < most ? client->behind : most;
        ssize_t done = write(client->fd, frames + client->at, size);
        if (done < 0 && errno != EAGAIN)
            die("write");
        if (done > 0) {
            client->at = (client->at + done) % frame_bytes;
            client->behind -= done;
        }
        client->waiting = done < (ssize_t)size;
        partial += client->waiting;
        writes++;
    }
    if (client->waiting != waited)
        watch(index, client->fd, client->waiting ? EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
}

static int listening(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 4096) < 0)
        die("listen");
    getsockname(fd, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

/* Take in what a client asks; true when that was all of it and it has been greeted. */
static int greet(struct client *client) {
    ssize_t got = read(client->fd, client->request + client->asked, REQUEST - 1 - client->asked);
    if (got <= 0)
        return 0;
    client->asked += got;
    client->request[client->asked] = 0;
    if (!strstr(client->request, "\r\n\r\n"))
        return 0;
    if (write(client->fd, GREETING, sizeof GREETING - 1) < 0)
        die("greeting");
    return 1;
}

static void greet_all(int sockets) {
    struct epoll_event events[EVENTS];
    int fd = listening(), opened = 0, greeted = 0, on = 1;
    watch(sockets, fd, EPOLLIN, EPOLL_CTL_ADD);
    while (greeted < sockets) {
        int count = epoll_wait(waker, events, EVENTS, -1);
        for (int each = 0; each < count; each++) {
            int index = events[each].data.u32;
            if (index < sockets) {
                greeted += greet(&clients[index]);
                continue;
            }
            int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
            if (accepted < 0 || opened == sockets)
                continue;
            setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            clients[opened].fd = accepted;
            watch(opened++, accepted, EPOLLIN, EPOLL_CTL_ADD);
        }
    }
    close(fd);
}

/* Serve those that are behind until a moment, or until nobody is. */
static void serve(double until, int sockets) {
    struct epoll_event events[EVENTS];
    for (;;) {
        double left = until - seconds();
        if (left <= 0)
            return;
        int count = epoll_wait(waker, events, EVENTS, (int)(left * 1000) + 1);
        for (int each = 0; each < count; each++)
            if ((int)events[each].data.u32 < sockets && events[each].events & EPOLLOUT)
                flush(events[each].data.u32);
    }
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "baseline SOCKETS BYTES FRAMES ROUNDS MICROSECONDS\n");
        return 2;
    }
    int sockets = atoi(argv[1]), rounds = atoi(argv[4]);
    double share = atof(argv[3]), interval = atof(argv[5]) / 1e6, due = 0;
    long sent = 0, behind = 1;
    struct rusage before, after;
    char line[16];

    frame_bytes = atoi(argv[2]);
    /* A client that lags is behind by many rounds; no write is larger than this. */
    most = ((size_t)share + 2) * frame_bytes;
    clients = calloc(sockets, sizeof *clients);
    frames = malloc(most + frame_bytes);
    if (!clients || !frames || frame_bytes < 130 || frame_bytes > 65000)
        die("arguments");
    memset(frames, 'x', most + frame_bytes);
    for (size_t at = 0; at < most + frame_bytes; at += frame_bytes) {
        frames[at] = (char)0x81;
        frames[at + 1] = 126;
        frames[at + 2] = (char)((frame_bytes - 4) >> 8);
        frames[at + 3] = (char)(frame_bytes - 4);
    }
    waker = epoll_create1(0);
    greet_all(sockets);
    if (!fgets(line, sizeof line, stdin))
        return 1;

    getrusage(RUSAGE_SELF, &before);
    double next = seconds();
    for (int round = 0; round < rounds; round++, next += interval) {
        serve(next, sockets);
        due += share;
        long now = (long)due;
        due -= now;
        sent += now;
        for (int index = 0; index < sockets; index++) {
            clients[index].behind += now * frame_bytes;
            if (!clients[index].waiting)
                flush(index);
        }
    }
    for (double end = seconds() + 10; behind && seconds() < end;) {
        behind = 0;
        for (int index = 0; index < sockets; index++)
            behind += clients[index].behind > 0;
        if (behind)
            serve(seconds() + 0.001, sockets);
    }
    getrusage(RUSAGE_SELF, &after);
    printf("%ld %ld %ld %ld %ld\n",
           (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000L + after.ru_utime.tv_usec - before.ru_utime.tv_usec,
           (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000L + after.ru_stime.tv_usec - before.ru_stime.tv_usec,
           sent * sockets, writes, partial);
    fflush(stdout);
    fgets(line, sizeof line, stdin);
    return behind > 0;
}
