/* SPDX-License-Identifier: Apache-2.0 */
/* What the confinement refuses, by an error and not by a kill. Each test runs in a child, because confinement cannot be undone. */
#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct confined confined;

/* Run `look` in a child that may only use `folder`. @return its result, or 77 if the kernel lacks Landlock or seccomp. */
static int in_child(int (*look)(const char *folder), const char *folder)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        const char *folders[] = {folder, "/nowhere/at/all"};
        if (confine(folders, 2, &confined) < 0)
            _exit(99);
        _exit(confined.landlock && confined.seccomp ? look(folder) : 77);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status)); /* not killed by a signal */
    return WEXITSTATUS(status);
}

static void holds(int (*look)(const char *folder))
{
    char folder[] = "/tmp/ingest-confine-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    int status = in_child(look, folder);
    snprintf(path, sizeof(path), "%s/mine", folder);
    unlink(path);
    rmdir(folder);
    if (status == 77)
        skip();
    assert_int_equal(status, 0); /* otherwise the line of the first failed check, modulo 256 */
}

#define CHECK(condition)               \
    do {                               \
        if (!(condition))              \
            return __LINE__ % 250 + 1; \
    } while (0)
#define REFUSED(call, error) CHECK((errno = 0, (call) == -1 && errno == (error)))

static int look_at_files(const char *folder)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof(path), "%s/mine", folder);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0 && write(fd, "x", 1) == 1 && ftruncate(fd, 0) == 0 && close(fd) == 0);
    CHECK(unlink(path) == 0);
    REFUSED(open("/tmp/ingest-confine-not-mine", O_RDWR | O_CREAT, 0600), EACCES);
    REFUSED(mkdir("/tmp/ingest-confine-not-mine", 0700), EACCES);
    REFUSED(rmdir("/tmp"), EACCES);
    CHECK((fd = open("/etc/passwd", O_RDONLY)) >= 0 && fstat(fd, &st) == 0 && close(fd) == 0);
    REFUSED(open("/etc/passwd", O_RDWR), EACCES);
    CHECK((fd = open("/dev/null", O_WRONLY)) >= 0 && close(fd) == 0);
    return 0;
}

static void *nothing(void *arg)
{
    return arg;
}

static int look_at_calls(const char *folder)
{
    char *const argv[] = {(char *)(uintptr_t) "/bin/true", NULL};
    pthread_t thread;
    int fd;
    (void)folder;
    REFUSED(execv(argv[0], argv), EPERM);
    REFUSED(ptrace(PTRACE_TRACEME, 0, NULL, NULL), EPERM);
    REFUSED(unshare(CLONE_NEWUSER), EPERM);
    REFUSED(syscall(SYS_clone, CLONE_NEWUSER, NULL, NULL, NULL, NULL), EPERM);
    REFUSED(syscall(435, NULL, 0), ENOSYS);
    REFUSED(mount("none", "/tmp", "tmpfs", 0, NULL), EPERM);
    REFUSED(syscall(SYS_bpf, BPF_MAP_CREATE, NULL, 0), EPERM);
    REFUSED(syscall(425, 8, NULL), EPERM);
    REFUSED(setuid(0), EPERM);
    REFUSED(socket(AF_PACKET, SOCK_RAW, 0), EPERM);
    REFUSED(socket(AF_ALG, SOCK_SEQPACKET, 0), EPERM);
    static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    for (int i = 0; i < 4; i++)
        CHECK((fd = socket(families[i], families[i] == AF_NETLINK ? SOCK_RAW : SOCK_STREAM, 0)) >= 0 && close(fd) == 0);
    CHECK(pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0);
    return 0;
}

/* A new thread has the restrictions of its creator. */
static void *try_to_execute(void *arg)
{
    char *const argv[] = {(char *)(uintptr_t) "/bin/true", NULL};
    *(int *)arg = execv(argv[0], argv) == -1 ? errno : 0;
    return NULL;
}

static int look_at_a_thread(const char *folder)
{
    pthread_t thread;
    int error = 0;
    (void)folder;
    CHECK(pthread_create(&thread, NULL, try_to_execute, &error) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(error == EPERM);
    return 0;
}

static void files_outside_are_not_written_to(void **state)
{
    (void)state;
    holds(look_at_files);
}

static void calls_that_no_server_needs_fail(void **state)
{
    (void)state;
    holds(look_at_calls);
}

static void threads_are_confined_too(void **state)
{
    (void)state;
    holds(look_at_a_thread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_outside_are_not_written_to),
        cmocka_unit_test(calls_that_no_server_needs_fail),
        cmocka_unit_test(threads_are_confined_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
