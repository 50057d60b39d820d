/*
 * commands: `tracewell project|key|user ...`. This file reads the words and prints help and errors; what a command does is one row and
 * one function of actions.c. A command is one transaction on accounts.db, so it works beside a running server, which sees it at the
 * next request.
 *
 * The options are not read with base/options: each command takes few of them, words may stand between them, and of the environment
 * only the folder should count. A TRACEWELL_SECRET meant for a client must not become the secret of a new key.
 */
#include "account/account_priv.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_FAILED       1
#define EXIT_WRONG_USE    2
#define DEFAULT_DATA      "./tracewell-data"
#define PASSWORD_LINE_MAX 2048

static const struct option {
    const char *name;
    const char *value; /* NULL: a flag */
    const char *text;
} options[OPT_COUNT] = {
    [OPT_DATA] = { "--data", "DIR", "the data folder; TRACEWELL_DATA, else " DEFAULT_DATA },
    [OPT_JSON] = { "--json", NULL, "print JSON" },
    [OPT_ORGANIZATION] = { "--organization", "ID", "id or name; needed when there are several" },
    [OPT_PROJECT] = { "--project", "PROJECT", "id or slug; needed when there are several" },
    [OPT_FORM] = { "--form", "FORM",
        "langfuse, langwatch, langtrace, lunary, agenttrace or tracewell (the default)" },
    [OPT_NAME] = { "--name", "TEXT", "what people call it" },
    [OPT_ID] = { "--id", "ID", "the project's id; a random UUID by default" },
    [OPT_PUBLIC] = { "--public", "TEXT", "the public half; made in the form's own shape by default" },
    [OPT_SECRET] = { "--secret", "TEXT",
        "a secret clients have already; random by default, which is better" },
    [OPT_INGEST_ONLY] = { "--ingest-only", NULL, "the key may write traces and nothing else" },
    [OPT_ALL] = { "--all", NULL, "also what is revoked" },
    [OPT_ROLE] = { "--role", "ROLE", "owner, admin, member (the default) or viewer" },
    [OPT_PASSWORD] = { "--password", "TEXT", "8 bytes or more; others can see it in the list of processes" },
    [OPT_PASSWORD_STDIN] = { "--password-stdin", NULL, "read it from the first line of standard input" },
};

static const struct {
    const char *word, *text;
} words[] = {
    { "project", "the projects traces belong to" },
    { "key", "the keys clients send" },
    { "user", "the people who sign in" },
};

/* ---- Help ---- */

static bool takes(const struct action *action, size_t option)
{
    return option == OPT_DATA || option == OPT_JSON || (action->options >> option & 1);
}

static void add_usage(const struct action *action, struct buf *out)
{
    buf_printf(out, "tracewell %s %s%s%s", action->word, action->name, action->arguments[0] ? " " : "",
        action->arguments);
    for (size_t o = OPT_JSON + 1; o < OPT_COUNT; o++)
        if (takes(action, o))
            buf_printf(out, " [%s%s%s]", options[o].name, options[o].value ? " " : "",
                options[o].value ? options[o].value : "");
}

static void add_option_help(size_t o, struct buf *out)
{
    char left[40];
    snprintf(left, sizeof left, "%s%s%s", options[o].name, options[o].value ? " " : "",
        options[o].value ? options[o].value : "");
    buf_printf(out, "  %-20s  %s\n", left, options[o].text);
}

void account_command_help(const char *word, struct buf *out)
{
    unsigned used = 1u << OPT_DATA | 1u << OPT_JSON;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].word, word) == 0)
            buf_printf(out, "tracewell %s: %s\n\n", word, words[i].text);
    for (size_t i = 0; i < account__action_count; i++) {
        const struct action *action = &account__actions[i];
        if (strcmp(action->word, word) != 0)
            continue;
        buf_add_cstr(out, "  ");
        add_usage(action, out);
        buf_printf(out, "\n      %s\n", action->text);
        used |= action->options;
    }
    buf_add_cstr(out, "\nOptions\n");
    for (size_t o = 0; o < OPT_COUNT; o++)
        if (used >> o & 1)
            add_option_help(o, out);
    buf_add_cstr(out,
        "\nA running server sees every change at its next request. Exit codes: 0 done, 1 refused, 2 wrong use.\n");
}

/* ---- Reading the words ---- */

static const struct action *find_action(const char *word, const char *name)
{
    for (size_t i = 0; i < account__action_count; i++)
        if (strcmp(account__actions[i].word, word) == 0 && strcmp(account__actions[i].name, name) == 0)
            return &account__actions[i];
    return NULL;
}

static enum status fail_action(const char *word, const char *name, struct err *err)
{
    char known[200] = "";
    size_t n = 0;
    for (size_t i = 0; i < account__action_count; i++)
        if (strcmp(account__actions[i].word, word) == 0 && n < sizeof known)
            n += (size_t)snprintf(
                known + n, sizeof known - n, "%s%s", n ? ", " : "", account__actions[i].name);
    if (!n)
        return err_set(
            err, ST_INVALID, "there is no command \"%.40s\"; there are project, key and user", word);
    return err_set(err, ST_INVALID, "there is no \"tracewell %s %.40s\"; there are %s", word, name, known);
}

static enum status fail_option(const struct action *action, struct str name, struct err *err)
{
    char known[400] = "";
    size_t n = 0;
    for (size_t o = 0; o < OPT_COUNT; o++)
        if (takes(action, o) && n < sizeof known)
            n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", options[o].name);
    return err_set(
        err, ST_INVALID, "there is no option %.*s here; there are %s", STR_ARG(str_sub(name, 0, 60)), known);
}

/* The option at argv[*i], "--name value" or "--name=value"; *i moves to its last word. */
static enum status read_option(
    const struct action *action, struct command *c, int argc, char **argv, int *i, struct err *err)
{
    struct str word = str_of(argv[*i]);
    size_t equals = str_find_char(word, '='), o = 0;
    struct str name = str_sub(word, 0, equals);
    while (o < OPT_COUNT && !(takes(action, o) && str_is(name, options[o].name)))
        o++;
    if (o == OPT_COUNT)
        return fail_option(action, name, err);
    if (!options[o].value) {
        c->options[o] = STR("yes");
        return equals == SIZE_MAX ? ST_OK : err_set(err, ST_INVALID, "%s takes no value", options[o].name);
    }
    if (equals == SIZE_MAX && *i + 1 >= argc)
        return err_set(
            err, ST_INVALID, "%s needs %s behind it: %s", options[o].name, options[o].value, options[o].text);
    c->options[o] = equals == SIZE_MAX ? str_of(argv[++*i]) : str_sub(word, equals + 1, SIZE_MAX);
    return ST_OK;
}

static size_t count_words(struct str s)
{
    struct str part;
    size_t n = 0;
    if (s.n)
        while (str_cut(&s, ' ', &part))
            n++;
    return n;
}

static enum status read_words(
    const struct action *action, struct command *c, int argc, char **argv, struct err *err)
{
    size_t n = 0, want = count_words(str_of(action->arguments));
    bool only_arguments = false;
    assert(want <= COMMAND_ARGUMENTS);
    for (int i = 1; i < argc; i++) {
        enum status st = ST_OK;
        if (!only_arguments && strcmp(argv[i], "--") == 0)
            only_arguments = true;
        else if (!only_arguments && strncmp(argv[i], "--", 2) == 0)
            st = read_option(action, c, argc, argv, &i, err);
        else if (n++ < want)
            c->arguments[n - 1] = str_of(argv[i]);
        if (st != ST_OK)
            return st;
    }
    if (n == want)
        return ST_OK;
    return err_set(err, ST_INVALID, "takes %s, got %zu word%s", want ? action->arguments : "options only", n,
        n == 1 ? "" : "s");
}

static enum status read_password(struct command *c, struct err *err)
{
    char line[PASSWORD_LINE_MAX];
    if (!c->options[OPT_PASSWORD_STDIN].p)
        return ST_OK;
    if (!fgets(line, sizeof line, stdin))
        return err_set(err, ST_INVALID, "--password-stdin: there is no line on standard input");
    line[strcspn(line, "\r\n")] = 0;
    c->options[OPT_PASSWORD] = arena_dup(c->a, str_of(line));
    return ST_OK;
}

/* ---- Running ---- */

static const char *data_folder(const struct command *c)
{
    const char *variable = getenv("TRACEWELL_DATA");
    if (c->options[OPT_DATA].p)
        return arena_cstr(c->a, c->options[OPT_DATA]);
    return variable && variable[0] ? variable : DEFAULT_DATA;
}

/* Only commands that begin something may make a folder: elsewhere a missing one is a misspelt name. */
static enum status open_folder(const struct action *action, struct command *c, struct err *err)
{
    const char *dir = data_folder(c);
    const char *file = arena_cstr(c->a, arena_printf(c->a, "%s/accounts.db", dir));
    if (!action->founds && access(file, F_OK) != 0)
        return err_set(err, ST_NOT_FOUND,
            "there are no accounts in %s: name the data folder with --data or TRACEWELL_DATA, or start `tracewell "
            "serve` once to make it",
            dir);
    return account_open(dir, &c->acc, err);
}

static enum status run_action(const struct action *action, struct command *c, struct err *err)
{
    enum status st = read_password(c, err);
    if (st == ST_OK)
        st = open_folder(action, c, err);
    if (st != ST_OK)
        return st;
    size_t before = c->out->n;
    st = account__begin(c->acc, action->writes, err);
    if (st == ST_OK)
        st = account__finish(c->acc, action->run(c, err), err);
    if (st != ST_OK)
        c->out->n = before;
    account_close(c->acc);
    return st;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return argc > 0 && strcmp(argv[0], "help") == 0;
}

int account_command(const char *word, int argc, char **argv, struct buf *out, struct buf *errors)
{
    if (argc == 0 || wants_help(argc, argv)) {
        account_command_help(word, argc ? out : errors);
        return argc ? EXIT_SUCCESS : EXIT_WRONG_USE;
    }
    struct err err = { 0 };
    struct command c = { .a = arena_new(), .out = out };
    const struct action *action = find_action(word, argv[0]);
    int code = EXIT_WRONG_USE;
    enum status st = action ? read_words(action, &c, argc, argv, &err) : fail_action(word, argv[0], &err);
    if (st == ST_OK) {
        st = run_action(action, &c, &err);
        code = st == ST_OK ? EXIT_SUCCESS : EXIT_FAILED;
    }
    if (st != ST_OK)
        buf_printf(errors, "tracewell %s%s%s: %s%s%s\n", word, action ? " " : "", action ? action->name : "",
            err.path, err.path[0] ? ": " : "", err.text);
    if (code == EXIT_WRONG_USE)
        buf_printf(errors, "`tracewell %s --help` shows how it is used.\n", word);
    arena_free(c.a);
    return code;
}
