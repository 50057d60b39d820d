/* account_folder: a data folder below /tmp with accounts in it, as setup and teardown of a cmocka test, and the command line on it. */
#ifndef SUPPORT_ACCOUNT_FOLDER_H
#define SUPPORT_ACCOUNT_FOLDER_H

#include "account/account.h"

struct account_folder {
    char root[64];
    char dir[80]; /* root/data; not there until somebody opens it */
    struct account *acc;
    struct arena *a;
    struct err err;
    struct buf out, errors; /* of the last command */
    struct account_key key; /* of the last account_folder_find() */
};

int account_folder_new(void **state);  /* not opened */
int account_folder_open(void **state); /* opened, with account_folder_demo in it but for its user */
int account_folder_free(void **state);

/* design.md 6, whole. */
extern const char account_folder_demo[];
/* account_init() that must work. */
void account_folder_init(struct account_folder *f, const char *json);
bool account_folder_find(struct account_folder *f, const char *token);
/* The exit code; `words` ends with NULL. --data is added. */
int account_folder_run(struct account_folder *f, const char *word, const char *const *words);
#define RUN(f, word, ...) account_folder_run(f, word, (const char *const[]){ __VA_ARGS__, NULL })
bool account_folder_said(struct account_folder *f, const char *text);       /* in out */
bool account_folder_complained(struct account_folder *f, const char *text); /* in errors */

#endif
