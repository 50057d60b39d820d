/* Runs a fuzz harness without a fuzzing engine: over every file named, and every file below every folder named.
 *
 * This keeps the corpus and every crasher ever found as plain regression tests, under any compiler. A folder that
 * does not exist holds nothing. A crash names the file, because its name is printed before it is tried.
 */
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t files_run;

/* A buffer of exactly the file's size, so that the address sanitizer sees a read past its end. */
static int run_file(const char *path, size_t size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(size > 0 ? size : 1);

    if (f == NULL || data == NULL || fread(data, 1, size, f) != size) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(2);
    }
    fclose(f);
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    files_run++;
    return 0;
}

static int visit(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)at;
    return kind == FTW_F && S_ISREG(st->st_mode) ? run_file(path, (size_t)st->st_size) : 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        (void)nftw(argv[i], visit, 16, FTW_PHYS);
    printf("%zu inputs run\n", files_run);
    return 0;
}
