// SPDX-License-Identifier: MIT
// Preloaded into the server by tests/support/faults.py: at the N-th call that changes a file on
// disk the process is killed, the power is cut, or the disk fails.
//
// Only files whose path contains FAULT_FILES count. What happens is written by the test into the
// file FAULT_CONTROL, which is mapped here, so that it can change while the server runs; `calls`
// is written back. A power cut takes with it what was written but not synced: before every write
// the bytes that it replaces are kept until the next sync of the file. Names (create, unlink,
// rename) are taken for durable at once. Knows nothing of who calls it.

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define FDS_MAX    1024
#define PATH_BYTES 512
#define PAGE       4096

enum call {
    CALL_WRITE = 1,
    CALL_SYNC = 2,
    CALL_TRUNCATE = 4,
    CALL_UNLINK = 8,
    CALL_RENAME = 16,
};

enum action {
    ACTION_NONE,
    ACTION_KILL_BEFORE,
    ACTION_KILL_AFTER,
    ACTION_KILL_TORN,  // half of a write gets there
    ACTION_POWER,      // nothing that was not synced gets there
    ACTION_POWER_SOME, // some of it does
    ACTION_EIO,        // a sync that fails so also loses what it should have kept
    ACTION_ENOSPC,
    ACTION_SHORT, // half of a write is done, and said so
};

// The layout is in tests/support/faults.py, too.
struct control {
    int64_t clock_ms; // added to the wall clock
    int64_t calls;    // so far
    int64_t kinds;    // which calls count: a mask of enum call
    int64_t at;       // the first call at which it happens; 0: never
    int64_t times;    // how many calls it lasts; 0: for good
    int64_t action;
    int64_t seed;
};

// What a write has replaced; the newest comes first.
struct undo {
    struct undo *next;
    char path[PATH_BYTES];
    off_t offset;
    size_t size;     // of what was written
    size_t old_size; // of what was there: less at the end of the file
    off_t file_size; // before
    bool lost;       // a sync that should have kept it has failed
    uint8_t old[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct control *control;
static const char *files;
static char paths[FDS_MAX][PATH_BYTES]; // of the descriptors that count
static struct undo *undos;

__attribute__((constructor)) static void map_control(void)
{
    const char *path = getenv("FAULT_CONTROL");
    files = getenv("FAULT_FILES");
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0 || !files) {
        return;
    }
    void *memory = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    control = memory == MAP_FAILED ? NULL : memory;
    syscall(SYS_close, fd);
}

static const char *path_of(int fd)
{
    return control && fd >= 0 && fd < FDS_MAX && paths[fd][0] ? paths[fd] : NULL;
}

static bool counts(const char *path)
{
    return control && path && strstr(path, files) && strlen(path) < PATH_BYTES;
}

// ---- a power cut

static bool overlap(const struct undo *undo, const char *path, off_t offset, size_t size)
{
    return strcmp(undo->path, path) == 0 && undo->offset < offset + (off_t)size &&
           offset < undo->offset + (off_t)undo->size;
}

static void keep_old(int fd, const char *path, off_t offset, size_t size)
{
    struct undo *undo = calloc(1, sizeof(*undo) + size);
    if (!undo) {
        abort();
    }
    memcpy(undo->path, path, strlen(path)); // counts() has seen to its length
    undo->offset = offset;
    undo->size = size;
    undo->file_size = syscall(SYS_lseek, fd, 0, SEEK_END);
    ssize_t got = syscall(SYS_pread64, fd, undo->old, size, offset);
    undo->old_size = got > 0 ? (size_t)got : 0;
    for (struct undo *at = undos; at; at = at->next) {
        // Written anew, and so to be synced anew.
        at->lost = at->lost && !overlap(at, path, offset, size);
    }
    undo->next = undos;
    undos = undo;
}

static void forget(const char *path, bool lost_too)
{
    for (struct undo **at = &undos; *at;) {
        struct undo *undo = *at;
        if (strcmp(undo->path, path) == 0 && (lost_too || !undo->lost)) {
            *at = undo->next;
            free(undo);
        } else {
            at = &undo->next;
        }
    }
}

// What was not synced under the old name is not under the new one.
static void follow(const char *from, const char *to)
{
    for (struct undo *at = undos; at; at = at->next) {
        if (strcmp(at->path, from) == 0) {
            memcpy(at->path, to, strlen(to) + 1);
        }
    }
}

static void lose(const char *path)
{
    for (struct undo *at = undos; at; at = at->next) {
        at->lost = at->lost || strcmp(at->path, path) == 0;
    }
}

static void put_back(const struct undo *undo)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, undo->path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    syscall(SYS_pwrite64, fd, undo->old, undo->old_size, undo->offset);
    if (undo->offset + (off_t)undo->size > undo->file_size) {
        syscall(SYS_ftruncate, fd, undo->file_size);
    }
    syscall(SYS_close, fd);
}

static void cut_power(bool some)
{
    uint64_t random = (uint64_t)control->seed * 2 + 1;
    for (const struct undo *at = undos; at; at = at->next) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        if (!some || (random >> 32) % 2 == 0) {
            put_back(at);
        }
    }
}

static void die(void)
{
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) {
        pause();
    }
}

// ---- what is to happen at this call

static enum action next_action(enum call kind)
{
    if (!(control->kinds & kind)) {
        return ACTION_NONE;
    }
    int64_t number = ++control->calls;
    bool due = control->at > 0 && number >= control->at &&
               (control->times == 0 || number < control->at + control->times);
    enum action action = due ? (enum action)control->action : ACTION_NONE;
    if (action == ACTION_POWER || action == ACTION_POWER_SOME) {
        cut_power(action == ACTION_POWER_SOME);
        die();
    }
    if (action == ACTION_KILL_BEFORE) {
        die();
    }
    return action;
}

// The end of a call that took place. Returns what it returned.
static long done(enum action action, long result)
{
    if (action == ACTION_KILL_AFTER || action == ACTION_KILL_TORN) {
        die();
    }
    return result;
}

static long refuse(int reason)
{
    errno = reason;
    return -1;
}

static ssize_t write_at(int fd, const char *path, const void *data, size_t size, off_t offset)
{
    enum action action = next_action(CALL_WRITE);
    if (action == ACTION_EIO || action == ACTION_ENOSPC) {
        return refuse(action == ACTION_EIO ? EIO : ENOSPC);
    }
    bool half = size > 1 && (action == ACTION_SHORT || action == ACTION_KILL_TORN);
    size = half ? size / 2 : size;
    keep_old(fd, path, offset, size);
    return done(action, syscall(SYS_pwrite64, fd, data, size, offset));
}

static int sync_file(int fd, long number)
{
    const char *path = path_of(fd);
    if (!path) {
        return (int)syscall(number, fd);
    }
    pthread_mutex_lock(&lock);
    enum action action = next_action(CALL_SYNC);
    long result;
    if (action == ACTION_EIO || action == ACTION_ENOSPC) {
        lose(path);
        result = refuse(action == ACTION_EIO ? EIO : ENOSPC);
    } else {
        forget(path, false);
        result = done(action, 0); // the kernel stays up: what is written is safe with it
    }
    pthread_mutex_unlock(&lock);
    return (int)result;
}

// ---- in the place of libc's

static int open_file(int folder, const char *path, int flags, mode_t mode)
{
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (fd >= 0 && fd < FDS_MAX) {
        paths[fd][0] = '\0';
        if (counts(path)) {
            memcpy(paths[fd], path, strlen(path) + 1);
        }
    }
    return fd;
}

#define OPEN_BODY(folder)                                                                          \
    va_list arguments;                                                                             \
    va_start(arguments, flags);                                                                    \
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;                                 \
    va_end(arguments);                                                                             \
    return open_file(folder, path, flags, mode)

int open(const char *path, int flags, ...)
{
    OPEN_BODY(AT_FDCWD);
}

int open64(const char *path, int flags, ...)
{
    OPEN_BODY(AT_FDCWD);
}

// The name is drawn until one is free, as libc's does.
int mkostemp(char *template, int flags)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
    char *end = template + strlen(template) - 6;
    int fd;
    do {
        uint8_t random[6];
        syscall(SYS_getrandom, random, sizeof(random), 0);
        for (size_t i = 0; i < sizeof(random); i++) {
            end[i] = letters[random[i] % 32];
        }
        fd = open_file(AT_FDCWD, template, O_RDWR | O_CREAT | O_EXCL | flags, 0600);
    } while (fd < 0 && errno == EEXIST);
    return fd;
}

int close(int fd)
{
    if (fd >= 0 && fd < FDS_MAX) {
        paths[fd][0] = '\0';
    }
    return (int)syscall(SYS_close, fd);
}

ssize_t write(int fd, const void *data, size_t size)
{
    const char *path = path_of(fd);
    if (!path) {
        return syscall(SYS_write, fd, data, size);
    }
    pthread_mutex_lock(&lock);
    off_t offset = syscall(SYS_lseek, fd, 0, SEEK_CUR);
    ssize_t wrote = write_at(fd, path, data, size, offset);
    if (wrote > 0) {
        syscall(SYS_lseek, fd, offset + wrote, SEEK_SET);
    }
    pthread_mutex_unlock(&lock);
    return wrote;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    const char *path = path_of(fd);
    if (!path) {
        return syscall(SYS_pwrite64, fd, data, size, offset);
    }
    pthread_mutex_lock(&lock);
    ssize_t wrote = write_at(fd, path, data, size, offset);
    pthread_mutex_unlock(&lock);
    return wrote;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset)
{
    return pwrite(fd, data, size, offset);
}

int fsync(int fd)
{
    return sync_file(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return sync_file(fd, SYS_fdatasync);
}

// For calls that are done or not done, and cannot be done by half.
static int whole_call(enum call kind, const char *path, long number, long first, long second)
{
    pthread_mutex_lock(&lock);
    enum action action = next_action(kind);
    long result;
    if (action == ACTION_EIO || action == ACTION_ENOSPC) {
        result = refuse(action == ACTION_EIO ? EIO : ENOSPC);
    } else {
        if (kind != CALL_TRUNCATE) {
            forget(path, true);
        }
        if (kind == CALL_RENAME) {
            follow((const char *)first, path);
        }
        result = done(action, syscall(number, first, second));
    }
    pthread_mutex_unlock(&lock);
    return (int)result;
}

int ftruncate(int fd, off_t size)
{
    const char *path = path_of(fd);
    if (!path) {
        return (int)syscall(SYS_ftruncate, fd, size);
    }
    off_t old = syscall(SYS_lseek, fd, 0, SEEK_END);
    for (off_t at = size; at < old; at += PAGE) {
        pthread_mutex_lock(&lock);
        keep_old(fd, path, at, old - at < PAGE ? (size_t)(old - at) : PAGE);
        pthread_mutex_unlock(&lock);
    }
    return whole_call(CALL_TRUNCATE, path, SYS_ftruncate, fd, size);
}

int ftruncate64(int fd, off_t size)
{
    return ftruncate(fd, size);
}

int unlink(const char *path)
{
    return counts(path) ? whole_call(CALL_UNLINK, path, SYS_unlink, (long)(intptr_t)path, 0)
                        : (int)syscall(SYS_unlink, path);
}

int rename(const char *from, const char *to)
{
    return counts(to)
               ? whole_call(CALL_RENAME, to, SYS_rename, (long)(intptr_t)from, (long)(intptr_t)to)
               : (int)syscall(SYS_rename, from, to);
}

// ---- the wall clock

static int64_t clock_step_ms(void)
{
    return control ? control->clock_ms : 0;
}

int clock_gettime(clockid_t which, struct timespec *time)
{
    int status = (int)syscall(SYS_clock_gettime, which, time);
    if (which == CLOCK_REALTIME && status == 0) {
        int64_t ns = time->tv_nsec + clock_step_ms() % 1000 * 1000000;
        time->tv_sec += clock_step_ms() / 1000 + (ns >= 1000000000) - (ns < 0);
        time->tv_nsec = ns - (ns >= 1000000000) * 1000000000 + (ns < 0) * 1000000000;
    }
    return status;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    int status = clock_gettime(CLOCK_REALTIME, &now);
    *time = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return status;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}
