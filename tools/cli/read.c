/* The file a command is given, or standard input, whole. */
#include <errno.h>
#include <stdio.h>

#include "cli/cli.h"

#define PIECE_BYTES 65536

static bool read_all(FILE *file, struct buf *body)
{
    char *room;
    size_t n = 1;

    while (n > 0 && (room = buf_room(body, PIECE_BYTES))) {
        n = fread(room, 1, PIECE_BYTES, file);
        buf_grew(body, n);
    }
    return buf_ok(body) && !ferror(file);
}

bool cli_read(const char *command, const char *path, struct buf *body)
{
    bool standard = !path || strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    bool ok = file && read_all(file, body);

    if (!ok && buf_ok(body))
        fprintf(stderr, "parley %s: %s: %s\n", command, standard ? "standard input" : path,
                strerror(errno));
    else if (!ok)
        fprintf(stderr, "parley %s: the request is over %u MiB\n", command,
                CLI_MAX_BODY_BYTES >> 20);
    if (file && !standard)
        (void)fclose(file);
    return ok;
}
