/*
 * dialect_case: runs the case files of one dialect, without server or store. A case is one request, what the dialect asked, decoded
 * and answered, and, in between, what a store would have answered. test/dialect/README.md shows the form.
 */
#ifndef TEST_SUPPORT_DIALECT_CASE_H
#define TEST_SUPPORT_DIALECT_CASE_H

#include "dialect/dialect.h"

/* Run every *.case.json of test/dialect/<name>/, print what differs, and return the number of cases that failed. *run: how many ran.
 * With TW_CASES=write in the environment the expected parts of each file are replaced by what came out, to be read in the diff. */
size_t dialect_cases_run(const struct dialect *d, size_t *run);

#endif
