/* Starting, watching and stopping the server under test. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

static const char accounts[] =
    "{\"organizations\":[{\"id\":\"bench\",\"name\":\"Bench\",\"projects\":[{\"id\":\"11111111-1111-4111-8111-111111111111\",\"name\":\"bench\","
    "\"keys\":[{\"form\":\"langwatch\",\"secret\":\"sk-lw-bench\"},{\"form\":\"lunary\",\"public\":\"11111111-1111-4111-8111-111111111111\","
    "\"secret\":\"22222222-2222-4222-8222-222222222222\"}]}]}]}";

void die(const char *what)
{
    fprintf(stderr, "tracewell-bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

int64_t mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void exec_server(const char *program, const char *dir, int out)
{
    char init[300], data[300];
    snprintf(init, sizeof(init), "%s/init.json", dir);
    snprintf(data, sizeof(data), "%s/data", dir);
    dup2(out, 1);
    execl(program, program, "serve", "--data", data, "--listen", "127.0.0.1:0", "--otlp-http", "off",
        "--otlp-grpc", "off", "--init", init, "--log-level", "error", (char *)NULL);
    die(program);
}

static void write_accounts(const char *dir)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/init.json", dir);
    FILE *f = fopen(path, "w");
    if (!f || fputs(accounts, f) < 0 || fclose(f) != 0)
        die(path);
}

void server_start(struct bench_server *s, const char *program, const char *dir)
{
    int pipes[2];
    char line[300];
    snprintf(s->dir, sizeof(s->dir), "%s", dir);
    write_accounts(dir);
    if (pipe(pipes) != 0)
        die("pipe");
    int64_t began = mono_ns();
    s->pid = fork();
    if (s->pid == 0)
        exec_server(program, dir, pipes[1]);
    close(pipes[1]);
    FILE *out = fdopen(pipes[0], "r");
    s->port = 0;
    while (!s->port && fgets(line, sizeof(line), out))
        if (strncmp(line, "tracewell ready ", 16) == 0)
            s->port = atoi(strrchr(line, ':') + 1);
    s->ready_ns = mono_ns() - began;
    if (!s->port) {
        fprintf(stderr, "tracewell-bench: %s did not become ready\n", program);
        exit(1);
    }
    /* The pipe stays open: a server that writes to a closed one would be told so. */
}

void server_stop(struct bench_server *s)
{
    int status;
    kill(s->pid, SIGTERM);
    waitpid(s->pid, &status, 0);
}

long server_rss_kib(const struct bench_server *s)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)s->pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f))
        sscanf(line, "VmRSS: %ld", &kib);
    if (f)
        fclose(f);
    return kib;
}

double server_cpu_s(const struct bench_server *s)
{
    char path[64], text[1024];
    unsigned long user = 0, sys = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)s->pid);
    FILE *f = fopen(path, "r");
    if (f && fgets(text, sizeof(text), f)) {
        const char *after = strrchr(text, ')');
        if (after)
            sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys);
    }
    if (f)
        fclose(f);
    return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

int64_t folder_bytes(const char *dir)
{
    int64_t sum = 0;
    DIR *d = opendir(dir);
    struct dirent *e;
    while (d && (e = readdir(d))) {
        char path[600];
        struct stat st;
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (stat(path, &st) != 0)
            continue;
        sum += S_ISDIR(st.st_mode) ? folder_bytes(path) : (int64_t)st.st_blocks * 512;
    }
    if (d)
        closedir(d);
    return sum;
}
