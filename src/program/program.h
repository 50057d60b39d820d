/* program: what main.c and the commands share: the options of `serve`, and the commands themselves. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "base/options.h"
#include "http/http.h"
#include "ingest/ingest.h"
#include "store/store.h"

struct serve_options {
#define OPTION(field, type, def, least, most, text) OPTION_C_##type field;
#include "program/options.def"
#undef OPTION
};

/* Every setting of the program, module by module. */
struct settings {
    struct serve_options serve;
    struct http_options http;
    struct ingest_options ingest;
    struct store_options store;
};

/* The modules' option sets over `s`; returns how many were filled into sets[4]. */
size_t settings_sets(struct settings *s, struct option_set sets[4]);

int command_serve(int argc, char **argv);
int command_care(const char *word, int argc, char **argv); /* check, backup, restore */
void command_help(struct buf *out);

#endif
