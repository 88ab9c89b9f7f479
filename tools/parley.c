/* parley: the operator's and the client developer's command line.
 *
 * main() reads the configuration and the command's row and runs it. A new command is
 * tools/cli/<name>.c with its row, one word in the table below, one in tools/meson.build, and its
 * paragraph in parley.1. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "conf.h"
#include "fetch.h"
#include "log.h"
#include "loop.h"

#define SOCKET_OF_THE_SERVICE "/run/redis/redis-server.sock"

struct config {
    char *url, *redis, *api_key, *pepper, *database;
};

static const struct conf_row rows[] = {
  // clang-format off
    {"PARLEY_URL", CONF_TEXT, offsetof(struct config, url), "http://127.0.0.1:8080", 0, 0, "The door to talk to."},
    {"PARLEY_REDIS", CONF_TEXT, offsetof(struct config, redis), NULL, 0, 0,
     "Redis, for \"queues\", \"limits\", \"dead\", \"why\" and \"top\": a socket's path or host:port. Without it: " SOCKET_OF_THE_SERVICE " when it is there, else 127.0.0.1:6379."},
    {"PARLEY_API_KEY", CONF_SECRET, offsetof(struct config, api_key), NULL, 0, 0, "The key to show the door."},
    {"PARLEY_KEY_PEPPER", CONF_SECRET, offsetof(struct config, pepper), NULL, 0, 0, "The doors' pepper, for \"keys add\" and \"keys rotate\"."},
    {"PARLEY_DATABASE_URL", CONF_SECRET, offsetof(struct config, database), NULL, 0, 0, "Postgres with the history, for \"db\", \"resolve\" and \"calibration\": postgresql://user@host/database"},
  // clang-format on
};

static const struct command *const commands[] = {
    &command_submit,  &command_watch,       &command_show,     &command_ls,   &command_cancel,
    &command_keys,    &command_queues,      &command_limits,   &command_dead, &command_tenants,
    &command_why,     &command_top,         &command_replay,   &command_eval, &command_simulate,
    &command_company, &command_card,        &command_personas, &command_fred, &command_db,
    &command_resolve, &command_calibration,
};

static void print_help(void)
{
    puts("Usage: parley COMMAND [OPERAND...] [OPTION...]\n\n"
         "Submits jobs to a Parley door and shows what becomes of them.\n\nCommands:");
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        printf("  %-8s %-14s %s\n", commands[i]->name, commands[i]->operands, commands[i]->summary);
    puts("\nEvery command takes --json (for scripts) and --help (more about it).\n\nExit status:");
#define X(name, status, meaning) printf("  %-4d %s\n", status, meaning);
    CLI_EXITS(X)
#undef X
    puts("\nEnvironment:");
    conf_help(rows, ARRAY_SIZE(rows));
    puts("  NO_COLOR  When set, no colour is used; nor is it when standard output is no "
         "terminal.\n\n"
         "Manual: man parley");
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static size_t screen_width(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 100;
}

static int run_command(const struct command *command, const struct arguments *arguments,
                       const struct config *config)
{
    CLEANUP(loop_freep) struct loop *loop = loop_new();
    CLEANUP(fetcher_freep) struct fetcher *fetcher = fetcher_new(loop);
    CLEANUP(charp_freep) char *url = xstrdup(config->url);
    const char *no_colour = getenv("NO_COLOR");
    struct cli cli = {
        .loop = loop,
        .fetcher = fetcher,
        .url = url,
        .redis = config->redis,
        .api_key = config->api_key,
        .pepper = config->pepper,
        .database = config->database,
        .out = stdout,
        .json = arguments->values[CLI_OPTION_JSON] != NULL,
        .colour = isatty(STDOUT_FILENO) && !(no_colour && *no_colour),
        .width = screen_width(),
    };

    if (!cli.redis)
        cli.redis =
            access(SOCKET_OF_THE_SERVICE, F_OK) == 0 ? SOCKET_OF_THE_SERVICE : "127.0.0.1:6379";
    while (*url && url[strlen(url) - 1] == '/')
        url[strlen(url) - 1] = '\0';
    return command->run(&cli, arguments);
}

int main(int argc, char **argv)
{
    const struct command *command = argc > 1 ? find_command(argv[1]) : NULL;
    struct arguments arguments;
    struct config config = {0};
    int r;

    log_setup("parley", LOG_WARN_, LOG_TEXT);
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        print_help();
        return CLI_OK;
    }
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        puts("parley " PARLEY_VERSION);
        return CLI_OK;
    }
    if (!command) {
        fprintf(stderr, "parley: %s%s\nTry: parley --help\n",
                argc > 1 ? "there is no command " : "a command is missing",
                argc > 1 ? argv[1] : "");
        return CLI_USAGE;
    }
    if (!arguments_read(command, argv + 2, &arguments))
        return CLI_USAGE;
    if (arguments.values[CLI_OPTION_HELP]) {
        arguments_help(command);
        return CLI_OK;
    }
    if (conf_load(rows, ARRAY_SIZE(rows), &config) != 0)
        return CLI_USAGE;
    r = run_command(command, &arguments, &config);
    conf_clear(rows, ARRAY_SIZE(rows), &config);
    return r;
}
