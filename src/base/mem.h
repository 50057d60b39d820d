/* mem: heap calls that never return NULL. Real memory exhaustion aborts here, in one place. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t n);                  /* zeroed */
void *mem_array(size_t count, size_t size); /* zeroed, overflow checked */
void *mem_resize(void *p, size_t n);
char *mem_strdup(const char *s);
void mem_free(void *p);
/* Once, before threads start: few heaps shared by all threads, so that memory freed by one serves the next. */
void mem_setup(void);
/* Give free pages back to the system; takes some ms on a large heap. */
void mem_trim(void);

#endif
