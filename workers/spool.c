/* The spool: one append-only file a worker process, locked while it lives (flock dies with it).
 *
 * A record is a line of the header (job, key, bytes) and that many bytes of answer and a line end,
 * so that a record cut short by a crash is found and dropped: its answer never counted. An answer
 * is in the page cache when write(2) returns, which outlives the process; it does not outlive the
 * machine, and need not: without the machine nobody can tell whether the call was paid. */
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "crash.h"
#include "id.h"
#include "lease.h"
#include "log.h"
#include "text.h"

#define MAX_RECORD_BYTES (16u << 20)
#define MAX_FILE_BYTES (256u << 20)
#define SUFFIX ".spool"

struct spool {
    char *folder;
    char *name; /* of the file, in the folder */
    int fd;
    size_t n_open; /* put and not done */
    /* adopting */
    size_t n_adopting;
    char *adopted; /* path of the file being replayed, removed after it */
    int adopted_fd;
    void (*on_adopted)(void *arg);
    void *arg;
};

/* The file gets the name under which others look for it only when it is locked. */
static int create_file(struct spool *spool, const char *worker)
{
    char *draft CLEANUP(charp_freep) = NULL, *path CLEANUP(charp_freep) = NULL;
    uint32_t word; /* a process id is used again, after a restart of a container at once */

    id_random(&word, sizeof(word));
    spool->name = xprintf("%s.%d.%08x" SUFFIX, worker, (int)getpid(), word);
    path = xprintf("%s/%s", spool->folder, spool->name);
    draft = xprintf("%s.new", path);
    spool->fd = open(draft, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    if (spool->fd < 0 || flock(spool->fd, LOCK_EX | LOCK_NB) < 0 || rename(draft, path) < 0)
        return -errno;
    return 0;
}

int spool_new(const char *folder, const char *worker, struct spool **ret_spool)
{
    struct spool *spool = xcalloc(1, sizeof(*spool));
    int r = 0;

    spool->fd = spool->adopted_fd = -1;
    if (folder) {
        spool->folder = xstrdup(folder);
        r = create_file(spool, worker);
    }
    if (r < 0)
        spool_free(spool);
    else
        *ret_spool = spool;
    return r;
}

struct spool *spool_free(struct spool *spool)
{
    if (!spool)
        return NULL;
    if (spool->fd >= 0) {
        char *path CLEANUP(charp_freep) = xprintf("%s/%s", spool->folder, spool->name);
        if (spool->n_open == 0)
            (void)unlink(path);
        (void)close(spool->fd);
    }
    if (spool->adopted_fd >= 0)
        (void)close(spool->adopted_fd);
    free(spool->adopted);
    free(spool->folder);
    free(spool->name);
    free(spool);
    return NULL;
}

/* Beside a spool: what its process may write while it dies (crash.h). */
static char *last_words_path(const char *path)
{
    return xprintf("%s.last", path);
}

char *spool_last_words(const struct spool *spool)
{
    char *path CLEANUP(charp_freep) = NULL;

    if (spool->fd < 0)
        return NULL;
    path = xprintf("%s/%s", spool->folder, spool->name);
    return last_words_path(path);
}

void spool_put(struct spool *spool, const char *id, const char *key, struct span answer)
{
    struct buf record;

    if (spool->fd < 0)
        return;
    buf_init(&record, MAX_RECORD_BYTES);
    buf_addf(&record, "%s %s %zu\n", id, key, answer.n);
    buf_add_span(&record, answer);
    buf_add_char(&record, '\n');
    if (!buf_ok(&record) || write(spool->fd, record.at, record.n) != (ssize_t)record.n)
        log_warn("event=spool.put job=%s key=%s error=\"%s\", ignoring", id, key, strerror(errno));
    buf_deinit(&record);
    spool->n_open++;
}

void spool_done(struct spool *spool)
{
    if (spool->fd < 0 || --spool->n_open > 0)
        return;
    if (ftruncate(spool->fd, 0) < 0)
        log_warn("event=spool.truncate error=\"%s\", ignoring", strerror(errno));
}

/* ---- what dead workers left behind ---- */

/* The spool is passed as the args of its own calls; the last reply ends the adoption. */
static void on_replayed(struct span answer, void *arg)
{
    struct spool *spool = arg;

    (void)answer; /* empty: its job is over, nothing is lost */
    if (--spool->n_adopting > 0)
        return;
    (void)unlink(spool->adopted);
    (void)close(spool->adopted_fd);
    free(spool->adopted);
    spool->adopted = NULL;
    spool->adopted_fd = -1;
    spool->on_adopted(spool->arg);
}

/* Takes one record off the front; false at the end or at a record cut short. */
static bool next_record(struct span *rest, struct span *id, struct span *key, struct span *answer)
{
    const char *end = rest->n > 0 ? memchr(rest->at, '\n', rest->n) : NULL;
    struct span line = {rest->at, end ? (size_t)(end - rest->at) : 0}, size;
    uint64_t n;

    if (!end || !text_next(&line, ' ', id) || !text_next(&line, ' ', key) ||
        !text_next(&line, ' ', &size))
        return false;
    size_t head = (size_t)(end + 1 - rest->at);
    if (!id_valid(*id) || text_to_u64(size, MAX_RECORD_BYTES, &n) < 0 || rest->n - head < n + 1)
        return false;
    *answer = (struct span){end + 1, n};
    *rest = (struct span){end + 1 + n + 1, rest->n - head - n - 1};
    return true;
}

static void replay(struct spool *spool, const struct lease_site *site, struct span rest)
{
    struct span id, key, answer;
    size_t n = 0;

    while (next_record(&rest, &id, &key, &answer)) {
        char *id_text CLEANUP(charp_freep) = xspandup(id);
        char *key_text CLEANUP(charp_freep) = xspandup(key);
        spool->n_adopting++;
        lease_remember(site, id_text, key_text, answer, on_replayed, spool);
        n++;
    }
    log_info("event=spool.adopted file=%s answers=%zu cut_bytes=%zu", spool->adopted, n, rest.n);
}

/* Opens a file whose worker is dead; -1 when it lives (or is adopted by another worker). */
static int open_orphan(const char *path, struct buf *content)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat about;

    if (fd < 0)
        return -1;
    /* Whoever adopted it before us has unlinked it: the lock we then get is on a file without a
     * name. */
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &about) < 0 || about.st_nlink == 0 ||
        about.st_size > MAX_FILE_BYTES) {
        (void)close(fd);
        return -1;
    }
    char *room = buf_room(content, (size_t)about.st_size);
    ssize_t n = room ? read(fd, room, (size_t)about.st_size) : -1;
    if (n > 0)
        buf_grew(content, (size_t)n);
    return fd;
}

static char *next_orphan(struct spool *spool, struct buf *content)
{
    DIR *folder = opendir(spool->folder);
    struct dirent *entry;
    char *path = NULL;

    while (folder && !path && (entry = readdir(folder))) {
        size_t n = strlen(entry->d_name);
        if (n < sizeof(SUFFIX) || strcmp(entry->d_name + n - strlen(SUFFIX), SUFFIX) != 0 ||
            strcmp(entry->d_name, spool->name) == 0)
            continue;
        path = xprintf("%s/%s", spool->folder, entry->d_name);
        spool->adopted_fd = open_orphan(path, content);
        if (spool->adopted_fd < 0)
            charp_freep(&path);
    }
    if (folder)
        (void)closedir(folder);
    return path;
}

/* <folder>/<worker>.<pid>.<word>.spool */
static void tell_last_words(const char *path, const struct lease_site *site)
{
    char *last CLEANUP(charp_freep) = last_words_path(path);
    char *worker CLEANUP(charp_freep) = xstrdup(strrchr(path, '/') + 1);

    for (int i = 0; i < 3 && strrchr(worker, '.'); i++)
        *strrchr(worker, '.') = '\0';
    crash_tell(last, worker, site);
}

void spool_adopt(struct spool *spool, const struct lease_site *site, void (*done)(void *arg),
                 void *arg)
{
    struct buf content;

    if (spool->adopted)
        return; /* under way: its end calls back */
    buf_init(&content, MAX_FILE_BYTES);
    spool->adopted = spool->fd >= 0 ? next_orphan(spool, &content) : NULL;
    if (!spool->adopted) {
        done(arg);
        return;
    }
    tell_last_words(spool->adopted, site);
    spool->on_adopted = done;
    spool->arg = arg;
    spool->n_adopting = 1; /* held until all were sent */
    replay(spool, site, buf_span(&content));
    buf_deinit(&content);
    on_replayed((struct span){NULL, 0}, spool);
}
