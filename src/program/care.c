/* tracewell check | backup | restore, and the top of --help. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"

void command_help(struct buf *out)
{
    buf_add_cstr(out,
        "tracewell: LLM traces in, durable, and read back. One process, one folder.\n"
        "\n"
        "  tracewell serve [OPTION ...]          run the server (tracewell serve --help)\n"
        "  tracewell project list|create|...     projects of a data folder (tracewell project --help)\n"
        "  tracewell key list|create|revoke      keys (tracewell key --help)\n"
        "  tracewell user list|create|...        users (tracewell user --help)\n"
        "  tracewell check [--data DIR]          verify a data folder that no server has open\n"
        "  tracewell backup [--data DIR] TO      copy a data folder, also under a running server, into the new folder TO\n"
        "  tracewell restore FROM [--data DIR]   check a backup and make it the data folder DIR, which must not exist\n"
        "  tracewell version | help\n"
        "\n"
        "The data folder is --data DIR, else TRACEWELL_DATA, else ./tracewell-data.\n");
}

static void print_line(void *ctx, const char *line)
{
    (void)ctx;
    printf("%s\n", line);
    fflush(stdout);
}

/* --data DIR, --data=DIR and one free word. */
struct words {
    const char *data;
    const char *other;
};

static bool read_words(const char *command, int argc, char **argv, struct words *out)
{
    const char *env = getenv("TRACEWELL_DATA");
    *out = (struct words){ .data = env && *env ? env : "./tracewell-data" };
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "--data=", 7) == 0) {
            out->data = argv[i] + 7;
        } else if (strcmp(argv[i], "--data") == 0 && i + 1 < argc) {
            out->data = argv[++i];
        } else if (argv[i][0] == '-' || out->other) {
            fprintf(stderr, "tracewell %s: \"%s\" is not expected here; see `tracewell help`\n", command,
                argv[i]);
            return false;
        } else {
            out->other = argv[i];
        }
    }
    return true;
}

static int help(void)
{
    struct buf out;
    buf_init(&out, 0);
    command_help(&out);
    fwrite(out.p, 1, out.n, stdout);
    buf_fini(&out);
    return 0;
}

static int done(const char *word, enum status st, const struct err *err)
{
    if (st != ST_OK)
        fprintf(stderr, "tracewell %s: %s\n", word, err->text);
    return st == ST_OK ? 0 : 1;
}

int command_care(const char *word, int argc, char **argv)
{
    struct words w;
    struct err err = { 0 };
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return help();
    if (!read_words(word, argc, argv, &w))
        return 2;
    bool check = strcmp(word, "check") == 0;
    if (check && w.other) {
        fprintf(stderr, "tracewell check takes --data DIR only, not \"%s\"\n", w.other);
        return 2;
    }
    if (check)
        return done(word, store_check(w.data, print_line, NULL, &err), &err);
    if (!w.other) {
        fprintf(stderr, "tracewell %s needs the %s\n", word,
            strcmp(word, "backup") == 0 ? "new folder to copy to" : "folder of the backup");
        return 2;
    }
    if (strcmp(word, "backup") == 0)
        return done(word, store_backup(w.data, w.other, print_line, NULL, &err), &err);
    return done(word, store_restore(w.other, w.data, print_line, NULL, &err), &err);
}
