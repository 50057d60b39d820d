/* Words of the command line to commands. What the server is made of, and in which order, stands in serve.c. */
#include <stdio.h>
#include <string.h>

#include "account/account.h"
#include "program/program.h"

static void print(FILE *to, const struct buf *b)
{
    if (b->n)
        fwrite(b->p, 1, b->n, to);
}

static int help(void)
{
    struct buf out;
    buf_init(&out, 0);
    command_help(&out);
    print(stdout, &out);
    buf_fini(&out);
    return 0;
}

static int version(void)
{
    printf("tracewell %s (%s)\n", TW_VERSION, TW_COMMIT);
    return 0;
}

static int account(const char *word, int argc, char **argv)
{
    struct buf out, errors;
    buf_init(&out, 0);
    buf_init(&errors, 0);
    int code = account_command(word, argc, argv, &out, &errors);
    print(stdout, &out);
    print(stderr, &errors);
    buf_fini(&out);
    buf_fini(&errors);
    return code;
}

static int later(const char *word)
{
    fprintf(stderr, "tracewell %s is not built yet. `tracewell help` lists what is.\n", word);
    return 2;
}

static bool one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    static const char *const accounts[] = { "key", "project", "user", NULL };
    static const char *const care[] = { "check", "backup", "restore", NULL };
    static const char *const not_yet[] = { "export", "import", NULL };
    static const char *const helps[] = { "help", "--help", "-h", NULL };
    static const char *const versions[] = { "version", "--version", "-V", NULL };
    if (argc < 2 || one_of(argv[1], helps))
        return help();
    if (one_of(argv[1], versions))
        return version();
    if (strcmp(argv[1], "serve") == 0)
        return command_serve(argc - 2, argv + 2);
    if (one_of(argv[1], accounts))
        return account(argv[1], argc - 2, argv + 2);
    if (one_of(argv[1], care))
        return command_care(argv[1], argc - 2, argv + 2);
    if (one_of(argv[1], not_yet))
        return later(argv[1]);
    fprintf(stderr, "tracewell: there is no command \"%s\". `tracewell help` lists them.\n", argv[1]);
    return 2;
}
