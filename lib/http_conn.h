#pragma once
/* The inside of the HTTP engine, shared by http.c (server), http_conn.c (a connection's life),
 * http_feed.c (its requests), http_request.c (what a handler asks), http_write.c (answers) and
 * http_send.c (their way to the socket). Nobody else includes it.
 *
 * A connection carries one exchange at a time, so struct http_exchange is both. It is the server's,
 * and is always in exactly one of the server's queues: which one says what it waits for, and the
 * queue's duration is its deadline. */

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "buf.h"
#include "http.h"
#include "http_parse.h"
#include "loop.h"

/* Read at once, and the most that is kept of what a client sends ahead while its answer is pending.
 */
#define HTTP_READ_BYTES 65536
#define HTTP_AHEAD_BYTES 16384
/* Read at once of a connection that was upgraded: each frame may want an answer, and others wait
 * meanwhile. */
#define HTTP_RAW_BYTES 4096
/* How long what a client still sends is dropped after the last answer, before the connection is
 * cut. */
#define HTTP_LINGER_MS 1000
/* So many body bytes earn another body_ms. */
#define HTTP_BODY_STEP_BYTES 65536
/* 8 hex of the process start, "-", a counter. */
#define HTTP_ID_BYTES 24

enum http_wait {
    HTTP_WAIT_IDLE,        /* for the first byte of a request */
    HTTP_WAIT_HEAD,        /* for the rest of a head */
    HTTP_WAIT_BODY,        /* for the rest of a body */
    HTTP_WAIT_ANSWER,      /* for the handler */
    HTTP_WAIT_HALF_CLOSED, /* for the handler, the client sends no more (or is gone) */
    HTTP_WAIT_STREAM,      /* for the handler's next write */
    HTTP_WAIT_WRITE,       /* for the client to take unsent bytes */
    HTTP_WAIT_LINGER,      /* for the client to close */
    HTTP_WAIT_READY,       /* for the end of the turn: then it goes on */
    HTTP_WAIT_COUNT_
};

TAILQ_HEAD(http_exchange_list, http_exchange);

struct http_queue {
    struct http_exchange_list list; /* oldest first */
    struct loop_timer timer;
    struct http_server *server;
    int64_t ms; /* 0: no deadline */
};

/* A request that has not arrived wholly yet, or bytes sent ahead. */
struct http_partial {
    struct http_parser parser;
    struct buf bytes;
    size_t body_mark; /* body bytes when the deadline last moved */
};

/* A whole request, as long as it is being answered. Its spans point into `bytes` or behind
 * `headers`. */
struct http_message {
    struct http_request request;
    char *bytes; /* NULL: behind the headers */
    struct http_header headers[];
};

/* Unsent bytes [at, n). */
struct http_unsent {
    size_t at, n, allocated;
    char *bytes;
    struct http_exchange *conn;      /* borrowed: owns this */
    TAILQ_ENTRY(http_unsent) corked; /* in the server's list while conn->corked */
};

struct http_exchange {
    struct event event;
    TAILQ_ENTRY(http_exchange) link;
    struct http_server *server; /* borrowed: owns this */
    struct http_message *message;
    struct http_partial *partial;
    struct http_unsent *unsent; /* NULL: everything is sent */
    void *user;
    void *note;             /* borrowed, of this exchange */
    uint64_t written_bytes; /* of its answer, also what is still unsent */
    int64_t begun_us;
    void (*on_close)(void *user);
    void (*on_drain)(void *user);
    void (*on_stall)(void *user);
    void (*on_bytes)(struct span bytes, void *user); /* while `raw` */
    int64_t due_ms;                                  /* monotonic, when the queue has a deadline */
    size_t held_bytes;                               /* of the server's total */
    struct http_address *address; /* borrowed from the server; NULL: not counted */
    char id[HTTP_ID_BYTES];
    short interest; /* EV_READ | EV_WRITE */
    short status;   /* of its answer; 0: none yet */
    uint8_t wait;   /* enum http_wait */
    uint8_t minor_version;
    bool head_only : 1;   /* HEAD: answers have no body */
    bool close_after : 1; /* this answer is the last */
    bool answering : 1;   /* the handler owes an answer */
    bool streaming : 1;
    bool raw : 1;     /* upgraded: bytes go both ways as they are */
    bool refused : 1; /* a write was, so on_drain is due */
    bool eof : 1;     /* the client sends no more */
    bool broken : 1;  /* a write failed: goes at the end of the turn */
    bool feeding : 1; /* conn_feed() is on the call stack and goes on by itself */
    bool corked : 1;  /* `unsent` waits for the end of the turn, the socket has not seen it */
    bool tuned : 1;   /* the socket, for streams */
    bool counted : 1; /* on_end is due */
    bool closed : 1;
};

struct http_address;

struct http_server {
    struct loop *loop; /* borrowed */
    struct http_options options;
    struct event listener;
    int listen_fd;
    char *unix_path; /* ours to unlink while it has unix_inode, or NULL */
    ino_t unix_inode;
    bool listening;
    bool draining;
    bool freed;
    struct loop_timer accept_pause;
    struct loop_later ready; /* works off HTTP_WAIT_READY */
    struct loop_later uncork;
    TAILQ_HEAD(, http_unsent) corked;
    struct loop_later drained;
    void (*on_drained)(void *arg);
    void *drained_arg;
    struct http_queue queues[HTTP_WAIT_COUNT_];
    size_t n_connections;
    void *addresses;           /* a tree, http_address.c */
    struct http_counts counts; /* with held_bytes, of all private buffers */
    uint64_t n_requests;
    char id_prefix[9];
    int64_t date_s; /* what date holds */
    char date[32];
    struct buf head;           /* of the answer being written */
    struct http_parser parser; /* of a request that came in one read */
    struct http_header headers[HTTP_MAX_HEADERS];
    char bytes[HTTP_READ_BYTES];
};

/* http_conn.c */
void http_conn_new(struct http_server *server, int fd, struct http_address *address);
void http_message_free(void *message);
void http_conn_drop_partial(struct http_exchange *conn);
/* Tells on_end, once for each http_conn_begin(). */
void http_conn_account(struct http_exchange *conn);
/* Ends an exchange that was not answered with on_close. The memory goes at the end of the turn. */
void http_conn_close(struct http_exchange *conn);
/* Moves it to a queue, with a new deadline, and asks for the events that matter there. */
void http_conn_wait(struct http_exchange *conn, enum http_wait wait);
/* The answer is written wholly: next request, or end. */
void http_conn_next(struct http_exchange *conn);
/* Counts what its buffers hold now. */
void http_conn_hold(struct http_exchange *conn);
void http_conn_on_deadline(struct http_exchange *conn);
void http_conn_on_ready(struct http_exchange *conn);

/* Asks for the events that matter where it waits. */
void http_conn_events(struct http_exchange *conn);

/* http_address.c */
/* false: the peer has as many connections as it may. Else it has one more; *ret_address is NULL
 * when it is not counted. */
bool http_address_enter(struct http_server *server, const struct sockaddr_storage *peer,
                        struct http_address **ret_address);
void http_address_leave(struct http_server *server, struct http_address *address);

/* http_feed.c */
/* Takes requests out of what is kept and `bytes` (in the server's buffer) until one is incomplete
 * or stays pending. */
void http_conn_feed(struct http_exchange *conn, struct span bytes);
/* Appends to what is kept; parser: how far the bytes are understood, NULL = not at all. */
void http_conn_keep(struct http_exchange *conn, const struct http_parser *parser,
                    struct span bytes);
/* A request is there, or is refused before it is: it gets its id, and its account begins. */
void http_conn_begin(struct http_exchange *conn);

/* http_send.c */
/* Sends what the socket takes and keeps the rest. On failure the connection is marked broken. */
void http_conn_send(struct http_exchange *conn, const struct iovec *parts, int n_parts);
/* The same for a stream: little is corked until the end of the turn. What the socket does not take
 * then makes the connection wait. */
void http_conn_send_stream(struct http_exchange *conn, const struct iovec *parts, int n_parts);
/* Sends what is corked unless n bytes more may join it. */
void http_conn_make_room(struct http_exchange *conn, size_t n);
/* Sends what is unsent or corked. */
void http_conn_flush(struct http_exchange *conn);
/* What the socket did not take; nothing that is corked. */
size_t http_conn_unsent(const struct http_exchange *conn);
void http_conn_drop_unsent(struct http_exchange *conn);
/* Runs at the end of the turn: sends what streams wrote in it. */
void http_server_uncork(void *server);

/* http_write.c */
/* Answers by the engine itself and closes after it. */
void http_conn_refuse(struct http_exchange *conn, int status, const char *detail);

/* http.c */
void http_server_conn_gone(struct http_server *server);
