/*
 * mem: the one place where running out of memory ends the program. Everything that a client can make large has a limit of its own
 * long before this, so what arrives here cannot be answered.
 */
#include <malloc.h>
#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p, size_t n)
{
    if (p)
        return p;
    fprintf(stderr, "tracewell: out of memory: the system refused %zu bytes\n", n);
    abort();
}

void *mem_alloc(size_t n)
{
    return mem_array(n, 1);
}

void *mem_array(size_t count, size_t size)
{
    /* calloc checks the product, and may answer NULL for nothing. */
    size_t all = size && count > SIZE_MAX / size ? SIZE_MAX : count * size;
    return checked(all ? calloc(count, size) : calloc(1, 1), all);
}

void *mem_resize(void *p, size_t n)
{
    return checked(realloc(p, n ? n : 1), n);
}

char *mem_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(mem_resize(NULL, n), s, n);
}

void mem_free(void *p)
{
    free(p);
}

void mem_setup(void)
{
    mallopt(M_ARENA_MAX, 2);
}

void mem_trim(void)
{
    malloc_trim(0);
}
