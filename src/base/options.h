/*
 * options: the settings of the program, from rows of the modules' options.def.
 *
 * A module declares its settings once:
 *     OPTION(listen, TEXT, "127.0.0.1:8585", 0, 0, "HOST:PORT of the web pages and every API")
 *     (field, type, default, least, most, text)   types: TEXT const char *, INT int64_t, BYTES int64_t ("64MiB"), BOOL bool, TIME int64_t ns ("24h")
 * From the rows come the struct, the parser (--listen X, --listen=X), the environment (TRACEWELL_LISTEN), --help and the docs.
 * The command line wins over the environment, the environment over the default.
 */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"

enum option_type { OPTION_TEXT, OPTION_INT, OPTION_BYTES, OPTION_BOOL, OPTION_TIME };

#define OPTION_C_TEXT  const char *
#define OPTION_C_INT   int64_t
#define OPTION_C_BYTES int64_t
#define OPTION_C_BOOL  bool
#define OPTION_C_TIME  int64_t

struct option_row {
    const char *field; /* C name; '_' is '-' on the command line */
    enum option_type type;
    const char *def;
    int64_t least, most; /* both 0: any */
    const char *text;
    size_t offset; /* in the module's struct */
};

/* One module's rows and the struct they fill. */
struct option_set {
    const char *module;
    const struct option_row *rows;
    size_t n;
    void *target;
};

/* Make a row of a .def line: #define OPTION(...) OPTION_ROW(struct http_options, __VA_ARGS__) */
#define OPTION_ROW(strct, field, type, def, least, most, text) \
    { #field, OPTION_##type, def, least, most, text, offsetof(strct, field) },

/* Defaults, then environment, then argv[*i...]: stops at the first word that is no option ("--" is skipped) and leaves its
 * index in *i. ST_INVALID with a sentence that names the option and what it takes; close names are suggested.
 * Texts live in `a`. */
MUST_CHECK enum status options_read(
    const struct option_set *sets, size_t n, int argc, char **argv, int *i, struct arena *a, struct err *err);
/* Print the rows for --help / as a Markdown table. */
void options_help(const struct option_set *sets, size_t n, struct buf *out);
void options_markdown(const struct option_set *sets, size_t n, struct buf *out);

#endif
