/*
 * tracewell serve: the wiring diagram. Everything is opened in the order of the data's way and closed in reverse, by hand.
 *
 *   account, store -> ingest -> http -> api -> listeners -> ready ... SIGTERM -> drain -> close
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "account/account.h"
#include "api/api.h"
#include "base/log.h"
#include "base/mem.h"
#include "program/program.h"

static const struct option_row serve_rows[] = {
#define OPTION(...) OPTION_ROW(struct serve_options, __VA_ARGS__)
#include "program/options.def"
#undef OPTION
};

size_t settings_sets(struct settings *s, struct option_set sets[4])
{
    sets[0] =
        (struct option_set){ "serve", serve_rows, sizeof(serve_rows) / sizeof(serve_rows[0]), &s->serve };
    sets[1] = (struct option_set){ "http", http_option_rows, http_option_count, &s->http };
    sets[2] = (struct option_set){ "ingest", ingest_option_rows, ingest_option_count, &s->ingest };
    sets[3] = (struct option_set){ "store", store_option_rows, store_option_count, &s->store };
    return 4;
}

/* Where a listener is reached. number 0: it is closed. */
struct port {
    struct str host;
    uint16_t number;
};

/* Everything `serve` holds open. NULL members were not reached. */
struct server {
    int argc;
    char **argv;
    struct settings settings;
    struct arena *arena; /* of the settings' texts */
    struct account *account;
    struct store *store;
    struct ingest *ingest;
    struct http *http;
    struct api *api;
    struct port listen, otlp_http, otlp_grpc;
};

static int say(const struct err *err)
{
    fprintf(stderr, "tracewell serve: %s\n", err->text);
    return 1;
}

/* ---- settings ------------------------------------------------------------------------------------------------------- */

static void serve_help(struct settings *s)
{
    struct option_set sets[4];
    size_t n = settings_sets(s, sets);
    struct buf out;
    buf_init(&out, 0);
    buf_add_cstr(&out,
        "tracewell serve [OPTION ...]\n\nRuns the server until SIGTERM. Every option can also be set as TRACEWELL_<OPTION> in the "
        "environment.\n\n");
    options_help(sets, n, &out);
    fwrite(out.p, 1, out.n, stdout);
    buf_fini(&out);
}

static enum status read_log_settings(const struct serve_options *o, struct err *err)
{
    static const char *const levels[] = { "debug", "info", "warn", "error" };
    bool json = strcmp(o->log_format, "json") == 0;
    if (!json && strcmp(o->log_format, "text") != 0)
        return err_set(err, ST_INVALID, "--log-format takes text or json, not \"%s\"", o->log_format);
    for (int i = 0; i < 4; i++)
        if (strcmp(o->log_level, levels[i]) == 0) {
            log_setup((enum log_level)i, json);
            return ST_OK;
        }
    return err_set(err, ST_INVALID, "--log-level takes debug, info, warn or error, not \"%s\"", o->log_level);
}

static enum status read_settings(struct server *s, int argc, char **argv, struct err *err)
{
    struct option_set sets[4];
    size_t n = settings_sets(&s->settings, sets);
    int i = 0;
    enum status st = options_read(sets, n, argc, argv, &i, s->arena, err);
    if (st == ST_OK && i < argc)
        st = err_set(err, ST_INVALID, "\"%s\" is not an option; see `tracewell serve --help`", argv[i]);
    return st == ST_OK ? read_log_settings(&s->settings.serve, err) : st;
}

/* ---- opening -------------------------------------------------------------------------------------------------------- */

static enum status read_file(const char *path, struct buf *out, struct err *err)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return err_set(err, ST_IO, "cannot read %s: %s", path, strerror(errno));
    char piece[8192];
    size_t n;
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
        buf_add(out, piece, n);
    bool bad = ferror(f) != 0;
    fclose(f);
    if (bad || out->over)
        return err_set(err, ST_IO, "cannot read %s, or it is over 10 MiB", path);
    return ST_OK;
}

/* --init decides which accounts there are; without it an empty folder gets its first ones, shown once. */
static enum status make_accounts(struct server *s, struct err *err)
{
    const char *init = s->settings.serve.init;
    struct buf text;
    bool made = false;
    buf_init(&text, 10u << 20);
    enum status st;
    if (*init) {
        st = read_file(init, &text, err);
        if (st == ST_OK && (st = account_init(s->account, buf_str(&text), err)) != ST_OK) {
            struct err inner = *err;
            err_set(err, st, "--init %s: %s%s%s", init, inner.path, *inner.path ? ": " : "", inner.text);
        }
    } else {
        st = account_first(s->account, &text, &made, err);
        if (st == ST_OK && made) {
            fwrite(text.p, 1, text.n, stdout);
            fflush(stdout);
        }
    }
    buf_fini(&text);
    return st;
}

static enum status open_data(struct server *s, struct err *err)
{
    const char *dir = s->settings.serve.data;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return err_set(err, ST_IO, "cannot make the data folder %s: %s", dir, strerror(errno));
    enum status st = store_open(dir, &s->settings.store, &s->store, err);
    if (st == ST_OK)
        st = account_open(dir, &s->account, err);
    return st == ST_OK ? make_accounts(s, err) : st;
}

typedef enum status (*listen_fn)(
    struct http *h, struct str address, const struct http_handler *handler, uint16_t *port, struct err *err);

static enum status open_port(struct server *s, listen_fn listen, const struct http_handler *handler,
    const char *address, struct port *p, struct err *err)
{
    struct str text = str_of(address);
    size_t colon = text.n;
    while (colon > 0 && text.p[colon - 1] != ':')
        colon--;
    p->host = colon > 1 ? str_sub(text, 0, colon - 1) : STR("127.0.0.1");
    return listen(s->http, text, handler, &p->number, err);
}

struct otlp_port {
    listen_fn listen;
    const char *option, *variable, *address;
    struct port *at;
};

/* Is it on the command line or in the environment? */
static bool is_given(const struct server *s, const struct otlp_port *p)
{
    struct str name = str_of(p->option);
    for (int i = 0; i < s->argc; i++) {
        struct str word = str_of(s->argv[i]);
        if (str_starts(word, name) && (word.n == name.n || word.p[name.n] == '='))
            return true;
    }
    return getenv(p->variable) != NULL;
}

/* A port that nobody asked for may be another program's, such as a collector's; the server is of use without it. */
static enum status open_otlp_port(struct server *s, const struct otlp_port *p, struct err *err)
{
    if (strcmp(p->address, "off") == 0)
        return ST_OK;
    enum status st = open_port(s, p->listen, api_otlp_handler(s->api), p->address, p->at, err);
    if (st != ST_CONFLICT || is_given(s, p))
        return st;
    log_warn("serve", "%s stays closed: %s is taken by another program; name another port, or off", p->option,
        p->address);
    return ST_OK;
}

static enum status open_ports(struct server *s, struct err *err)
{
    const struct serve_options *o = &s->settings.serve;
    const struct otlp_port ports[] = {
        { http_listen, "--otlp-http", "TRACEWELL_OTLP_HTTP", o->otlp_http, &s->otlp_http },
        { http_listen_grpc, "--otlp-grpc", "TRACEWELL_OTLP_GRPC", o->otlp_grpc, &s->otlp_grpc },
    };
    enum status st = open_port(s, http_listen, api_handler(s->api), o->listen, &s->listen, err);
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]) && st == ST_OK; i++)
        st = open_otlp_port(s, &ports[i], err);
    return st;
}

static enum status open_network(struct server *s, struct err *err)
{
    enum status st = http_new(&s->settings.http, &s->http, err);
    if (st != ST_OK)
        return st;
    s->ingest = ingest_start(s->store, &s->settings.ingest);
    s->api = api_new(&(struct api_parts){ .http = s->http,
        .ingest = s->ingest,
        .store = s->store,
        .account = s->account,
        .version = TW_VERSION,
        .commit = TW_COMMIT });
    return open_ports(s, err);
}

static void close_all(struct server *s)
{
    if (s->http)
        http_drain(s->http, clock_mono_ns() + s->settings.serve.drain);
    ingest_stop(s->ingest);
    http_free(s->http);
    api_free(s->api);
    account_close(s->account);
    store_close(s->store);
    arena_free(s->arena);
}

/* ---- running -------------------------------------------------------------------------------------------------------- */

/* Threads started later inherit the mask, so that only this one sees the signals. */
static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* A connection is a file: the usual soft limit of 1024 is below http_connections. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void run_until_signal(struct server *s, const sigset_t *set)
{
    int got = 0;
    api_ready(s->api);
    if (s->otlp_http.number)
        printf("otlp http://%.*s:%u\n", STR_ARG(s->otlp_http.host), s->otlp_http.number);
    if (s->otlp_grpc.number)
        printf("otlp grpc://%.*s:%u\n", STR_ARG(s->otlp_grpc.host), s->otlp_grpc.number);
    printf("tracewell ready http://%.*s:%u\n", STR_ARG(s->listen.host), s->listen.number);
    fflush(stdout);
    sigwait(set, &got);
    log_info("serve", "%s: draining", got == SIGTERM ? "SIGTERM" : "SIGINT");
}

int command_serve(int argc, char **argv)
{
    struct server s = { .arena = arena_new(), .argc = argc, .argv = argv };
    struct err err = { 0 };
    sigset_t set;
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            serve_help(&s.settings);
            arena_free(s.arena);
            return 0;
        }
    if (read_settings(&s, argc, argv, &err) != ST_OK) {
        arena_free(s.arena);
        say(&err);
        return 2;
    }
    block_signals(&set);
    raise_file_limit();
    mem_setup();
    enum status st = open_data(&s, &err);
    if (st == ST_OK)
        st = open_network(&s, &err);
    if (st == ST_OK)
        run_until_signal(&s, &set);
    close_all(&s);
    return st == ST_OK ? 0 : say(&err);
}
