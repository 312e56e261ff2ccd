/* SPDX-License-Identifier: Apache-2.0 */
#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

static bool is_watched(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) || \
    __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
    return true;
#else
    const char *preload = getenv("LD_PRELOAD");
    return preload && strstr(preload, "vgpreload"); /* valgrind's */
#endif
}

/* ---- Landlock: https://docs.kernel.org/userspace-api/landlock.html; with numbers, as older headers lack some ---- */

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_REMOVE = 3 << 4, /* a folder, a file */
    FS_MAKE = 0x7f << 6,
    FS_REFER = 1 << 13,   /* version 2 */
    FS_TRUNCATE = 1 << 14 /* version 3 */
};

static uint64_t held_by(int version)
{
    return (uint64_t)(FS_EXECUTE | FS_WRITE_FILE | FS_REMOVE | FS_MAKE | (version >= 2 ? FS_REFER : 0) |
                      (version >= 3 ? FS_TRUNCATE : 0));
}

struct below {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

/* Allow writing and truncating a file, or everything but executing below a folder. */
static int allow_below(int ruleset, const char *path, int version)
{
    struct below rule = {.fd = open(path, O_PATH | O_CLOEXEC)};
    struct stat st;
    if (rule.fd < 0)
        return errno == ENOENT ? 0 : -1;
    rule.allowed = held_by(version) & ~(uint64_t)FS_EXECUTE;
    if (fstat(rule.fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rule.allowed &= FS_WRITE_FILE | FS_TRUNCATE;
    long rc = syscall(SYS_landlock_add_rule, ruleset, 1, &rule, 0);
    close(rule.fd);
    return (int)rc;
}

/* @return Landlock's version; 0: not supported; -1: an error */
static int confine_files(const char *const *folders, size_t count)
{
    int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
    if (version <= 0)
        return 0;
    uint64_t held = held_by(version);
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &held, sizeof(held), 0);
    if (ruleset < 0)
        return -1;
    int rc = allow_below(ruleset, "/dev/null", version);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = allow_below(ruleset, folders[i], version);
    if (rc == 0)
        rc = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
    close(ruleset);
    return rc == 0 ? version : -1;
}

/* ---- seccomp ---- */

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef ARCH

/* Calls that only one architecture has are in its #ifdef. */
static const unsigned refused[] = {
    /* another program, another process */
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    /* another view of the system, another user */
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setgroups,
    SYS_setfsuid,
    SYS_setfsgid,
    SYS_personality,
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    SYS_mknodat,
    /* the machine */
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_syslog,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_vhangup,
    /* parts of the kernel with many past bugs that we do not use */
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_vmsplice,
    SYS_io_setup,
    425,
    426,
    427 /* io_uring_* */,
    428,
    429,
    430,
    431,
    432,
    433 /* open_tree … fspick */,
    438 /* pidfd_getfd */,
    442 /* mount_setattr */,
#ifdef __x86_64__
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_mknod,
    SYS_kexec_file_load,
    SYS_uselib,
    SYS_ustat,
    SYS_sysfs,
#endif
};
#define REFUSED (sizeof(refused) / sizeof(*refused))

#define NAMESPACES \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define FIELD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define FIRST_ARGUMENT \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, args[0])) /* its low half */
#define EQUALS(k, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(k), then, otherwise)
#define AT_LEAST(k, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)(k), then, otherwise)
#define HAS(k, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t)(k), then, otherwise)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define UNKNOWN BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS)

/*
 * Numbers of another architecture (32 bits, x32) mean other calls, so all of those are refused. A filter cannot see the
 * flags of clone3, so clone3 is answered as unknown; glibc then uses clone.
 */
static const struct sock_filter head[] = {
    FIELD(arch),
    EQUALS(ARCH, 1, 0),
    REFUSE,
    FIELD(nr),
    AT_LEAST(0x40000000, 0, 1),
    REFUSE,
    EQUALS(435 /* clone3 */, 0, 1),
    UNKNOWN,
    EQUALS(SYS_clone, 0, 4),
    FIRST_ARGUMENT,
    HAS(NAMESPACES, 0, 1),
    REFUSE,
    ALLOW,
    EQUALS(SYS_socket, 0, 7),
    FIRST_ARGUMENT,
    EQUALS(AF_UNIX, 4, 0),
    EQUALS(AF_INET, 3, 0),
    EQUALS(AF_INET6, 2, 0),
    EQUALS(AF_NETLINK, 1, 0),
    REFUSE,
    ALLOW,
};
#define HEAD (sizeof(head) / sizeof(*head))

static int confine_calls(void)
{
    struct sock_filter filter[HEAD + REFUSED * 2 + 1];
    struct sock_fprog program = {.len = (unsigned short)(HEAD + REFUSED * 2 + 1), .filter = filter};
    memcpy(filter, head, sizeof(head));
    for (size_t i = 0; i < REFUSED; i++) {
        filter[HEAD + i * 2] = (struct sock_filter)EQUALS(refused[i], 0, 1);
        filter[HEAD + i * 2 + 1] = (struct sock_filter)REFUSE;
    }
    filter[HEAD + REFUSED * 2] = (struct sock_filter)ALLOW;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
        return 1;
    return errno == EINVAL || errno == ENOSYS ? 0 : -1; /* the kernel does not support it */
}

#else

static int confine_calls(void)
{
    return 0; /* we have no list for this architecture */
}

#endif

int confine(const char *const *folders, size_t count, struct confined *out)
{
    *out = (struct confined){0};
    if (is_watched())
        return 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    int files = confine_files(folders, count);
    if (files < 0)
        return -1;
    int calls = confine_calls();
    if (calls < 0)
        return -1;
    out->landlock = files;
    out->seccomp = calls > 0;
    return 0;
}
