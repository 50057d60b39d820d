/*
 * fault_vfs: an SQLite VFS over the real one whose n-th write or sync fails, together with those of payload segments. The same count runs
 * over both, so n = 0, 1, 2 ... walks through every place where a disk can fail.
 */
#ifndef TEST_SUPPORT_FAULT_VFS_H
#define TEST_SUPPORT_FAULT_VFS_H

#include <stdbool.h>

void fault_install(void); /* becomes the default VFS */
void fault_remove(void);
/* The n-th call from now on fails; sticky: all later ones too, as on a full disk. -1: none. */
void fault_arm(int n, bool sticky);
/* False when the count was not reached. Disarms. */
bool fault_met(void);

#endif
