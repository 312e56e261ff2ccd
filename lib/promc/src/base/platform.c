/* SPDX-License-Identifier: Apache-2.0 */
#include "base/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#ifdef SYS_futex
#define SYSTEM_FUTEX SYS_futex
#else /* 32-bit machines that have always had 64-bit times */
#define SYSTEM_FUTEX SYS_futex_time64
#endif
enum { WAIT_PRIVATE = 128, WAKE_PRIVATE = 129 }; /* from linux/futex.h, which a musl system may not have */
#else
#include <time.h>

#include <sys/file.h>
#include <sys/types.h>

#include <sys/sysctl.h>
#endif
#ifdef __FreeBSD__
#include <pthread_np.h>
#include <sys/cpuset.h>
#include <sys/thr.h>
#endif

static int write_zeros(int fd, uint64_t at, uint64_t bytes)
{
    static const char zeros[4096];
    while (bytes > 0) {
        size_t step = bytes < sizeof(zeros) ? (size_t)bytes : sizeof(zeros);
        ssize_t n = pwrite(fd, zeros, step, (off_t)at);
        if (n < 0 && errno != EINTR)
            return -1;
        at += n > 0 ? (uint64_t)n : 0;
        bytes -= n > 0 ? (uint64_t)n : 0;
    }
    return 0;
}

int promc_file_allocate(int fd, uint64_t at, uint64_t bytes)
{
#ifdef __linux__
    int rc;
    do
        rc = fallocate(fd, 0, (off_t)at, (off_t)bytes);
    while (rc < 0 && errno == EINTR);
    if (rc == 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
        return rc;
#endif
    return write_zeros(fd, at, bytes);
}

void promc_lock_on_touch(void *base, size_t bytes)
{
#if defined(__linux__) && defined(MLOCK_ONFAULT)
    /* A way to find out whether pages are locked: only locked pages cannot be invalidated. */
    if (msync(base, bytes, MS_ASYNC | MS_INVALIDATE) == 0 || errno != EBUSY)
        return;
    if (mlock2(base, bytes, MLOCK_ONFAULT) == 0)
        return;
#endif
    (void)munlock(base, bytes);
}

int promc_file_lock(int fd, bool exclusive, bool wait)
{
    int rc;
    do {
#ifdef F_OFD_SETLK
        struct flock lock = {.l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
        rc = fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock);
#else
        rc = flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB));
#endif
    } while (rc < 0 && errno == EINTR);
    return rc;
}

bool promc_mutex_robust(pthread_mutexattr_t *attributes)
{
#ifdef __APPLE__
    (void)attributes;
    return false;
#else
    return pthread_mutexattr_setrobust(attributes, PTHREAD_MUTEX_ROBUST) == 0;
#endif
}

void promc_mutex_consistent(pthread_mutex_t *mutex)
{
#ifdef __APPLE__
    (void)mutex;
#else
    pthread_mutex_consistent(mutex);
#endif
}

void promc_pages_clear(void *base, size_t bytes)
{
#ifdef __linux__
    (void)madvise(base, bytes, MADV_DONTNEED);
#else
    (void)mmap(base, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
#endif
}

void promc_pages_small(void *base, size_t bytes)
{
#ifdef MADV_NOHUGEPAGE
    (void)madvise(base, bytes, MADV_NOHUGEPAGE);
#else
    (void)base;
    (void)bytes;
#endif
}

uint32_t promc_thread_number(void)
{
#if defined(__linux__)
    return (uint32_t)syscall(SYS_gettid);
#elif defined(__FreeBSD__)
    return (uint32_t)pthread_getthreadid_np();
#elif defined(__APPLE__)
    uint64_t number = 0;
    (void)pthread_threadid_np(NULL, &number);
    return (uint32_t)number;
#else
    return (uint32_t)((uintptr_t)pthread_self() >> 4);
#endif
}

bool promc_thread_exists(uint32_t pid, uint32_t number)
{
#if defined(__linux__)
    return syscall(SYS_tgkill, (pid_t)pid, (pid_t)number, 0) == 0 || errno != ESRCH;
#elif defined(__FreeBSD__)
    return thr_kill2((pid_t)pid, (long)number, 0) == 0 || errno != ESRCH;
#else
    (void)pid;
    (void)number;
    return true;
#endif
}

/* Without futex(2) it sleeps for a short time, so a waiter may notice the change late. */
void promc_wait_while(const uint32_t *word, uint32_t value)
{
#ifdef __linux__
    (void)syscall(SYSTEM_FUTEX, word, WAIT_PRIVATE, value, NULL, NULL, 0);
#else
    if (__atomic_load_n(word, __ATOMIC_RELAXED) == value)
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
#endif
}

void promc_wake_all(const uint32_t *word)
{
#ifdef __linux__
    (void)syscall(SYSTEM_FUTEX, word, WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
#else
    (void)word;
#endif
}

const char *promc_getenv(const char *name)
{
#ifdef __APPLE__
    return issetugid() ? NULL : getenv(name);
#else
    return secure_getenv(name);
#endif
}

bool promc_random(void *out, size_t bytes)
{
#ifdef GRND_NONBLOCK
    return getrandom(out, bytes, GRND_NONBLOCK) == (ssize_t)bytes;
#else
    return getentropy(out, bytes) == 0;
#endif
}

bool promc_machine_memory(uint64_t *bytes)
{
#if defined(__linux__)
    struct sysinfo info;
    if (sysinfo(&info) != 0 || info.totalram == 0)
        return false;
    *bytes = (uint64_t)info.totalram * info.mem_unit;
    return true;
#else
#ifdef __APPLE__
    const char *name = "hw.memsize";
#else
    const char *name = "hw.physmem";
#endif
    uint64_t memory = 0; /* the kernel may write fewer bytes: zero the rest, a size_t on little-endian machines */
    size_t size = sizeof(memory);
    *bytes = 0;
    if (sysctlbyname(name, &memory, &size, NULL, 0) != 0 || memory == 0)
        return false;
    *bytes = memory;
    return true;
#endif
}

double promc_usable_cpus(void)
{
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return CPU_COUNT(&set);
#elif defined(__FreeBSD__)
    cpuset_t set;
    if (cpuset_getaffinity(CPU_LEVEL_WHICH, CPU_WHICH_PID, -1, sizeof(set), &set) == 0)
        return CPU_COUNT(&set);
#endif
    return (double)sysconf(_SC_NPROCESSORS_ONLN); /* more CPUs than the set can hold, or the call does not exist */
}
