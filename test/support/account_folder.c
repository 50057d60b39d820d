/* account_folder: a new folder for each test. Hashing one password takes longer than all else, so only tests that need a user have one. */
#include "support/account_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define DEMO(users)                                                                               \
    "{\"organizations\":[{\"id\":\"acme\",\"name\":\"Acme\","                                     \
    "\"team_key\":\"fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210\","          \
    "\"projects\":[{\"id\":\"11111111-1111-4111-8111-111111111111\",\"name\":\"demo\",\"keys\":[" \
    "{\"form\":\"langfuse\",\"public\":\"pk-lf-demo\",\"secret\":\"sk-lf-demo\"},"                \
    "{\"form\":\"langwatch\",\"secret\":\"sk-lw-demo\"},"                                         \
    "{\"form\":\"langtrace\","                                                                    \
    "\"secret\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"},"           \
    "{\"form\":\"lunary\",\"public\":\"11111111-1111-4111-8111-111111111111\","                   \
    "\"secret\":\"22222222-2222-4222-8222-222222222222\"},"                                       \
    "{\"form\":\"agenttrace\",\"public\":\"pk-at-demo\",\"secret\":\"sk-at-demo\"},"              \
    "{\"form\":\"tracewell\",\"secret\":\"tw_demo\"}]}]" users "}]}"

const char account_folder_demo[] = DEMO(
    ",\"users\":[{\"email\":\"admin@example.com\",\"password\":\"change-me-please\",\"role\":\"owner\"}]");
static const char without_users[] = DEMO("");

int account_folder_new(void **state)
{
    struct account_folder *f = mem_alloc(sizeof *f);
    strcpy(f->root, "/tmp/tw_account_XXXXXX");
    if (!mkdtemp(f->root))
        return -1;
    snprintf(f->dir, sizeof f->dir, "%s/data", f->root);
    f->a = arena_new();
    buf_init(&f->out, 0);
    buf_init(&f->errors, 0);
    *state = f;
    return 0;
}

int account_folder_open(void **state)
{
    if (account_folder_new(state))
        return -1;
    struct account_folder *f = *state;
    if (account_open(f->dir, &f->acc, &f->err) != ST_OK)
        return -1;
    account_folder_init(f, without_users);
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

int account_folder_free(void **state)
{
    struct account_folder *f = *state;
    account_close(f->acc);
    nftw(f->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    buf_fini(&f->out);
    buf_fini(&f->errors);
    arena_free(f->a);
    mem_free(f);
    return 0;
}

void account_folder_init(struct account_folder *f, const char *json)
{
    enum status st = account_init(f->acc, str_of(json), &f->err);
    if (st != ST_OK)
        fail_msg("account_init: %s: %s", f->err.path, f->err.text);
}

bool account_folder_find(struct account_folder *f, const char *token)
{
    return account_find(f->acc, str_of(token), f->a, &f->key);
}

int account_folder_run(struct account_folder *f, const char *word, const char *const *words)
{
    char *argv[24];
    int n = 0;
    for (; words[n]; n++)
        argv[n] = (char *)words[n];
    argv[n++] = (char *)"--data";
    argv[n++] = f->dir;
    buf_clear(&f->out);
    buf_clear(&f->errors);
    return account_command(word, n, argv, &f->out, &f->errors);
}

bool account_folder_said(struct account_folder *f, const char *text)
{
    return str_find(buf_str(&f->out), str_of(text)) != SIZE_MAX;
}

bool account_folder_complained(struct account_folder *f, const char *text)
{
    return str_find(buf_str(&f->errors), str_of(text)) != SIZE_MAX;
}
