/* arena_priv: what base's own files may do with an arena. Filling fresh memory with zeros is a waste where it is overwritten. */
#ifndef BASE_ARENA_PRIV_H
#define BASE_ARENA_PRIV_H

#include "base/arena.h"

/* As arena_alloc, but not zeroed. */
void *arena__take(struct arena *a, size_t n);
/* Only the first `used` bytes of the piece p of n bytes are needed. The rest is reused when p is the newest piece. */
void arena__give_back(struct arena *a, void *p, size_t n, size_t used);

#endif
