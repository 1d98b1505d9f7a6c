// A library to preload into riffd (LD_PRELOAD): the call that torture.py asks for fails, once.
//
// Calls of system and of the allocator count if the daemon itself or one of the codecs' libraries makes them; so
// neither the C library's own nor OpenBLAS's, FFTW's and the kernel threads' of theirs do, which end the process
// when memory ends. Both sides talk through a file that is mapped here and there.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// The names that torture.py has for these are in the same order.
enum kind { OPEN, FILE_READ, FILE_WRITE, SOCKET_READ, SOCKET_WRITE, MAP, ACCEPT, ALLOCATE, RESIZE, SEEK };

struct control {
  _Atomic uint32_t armed;   // a bit for each kind that counts
  _Atomic uint32_t error;   // errno of the failure; 0: the usual one of its kind
  _Atomic int64_t fail_at;  // which of them fails, from 1; 0: none
  _Atomic int64_t count;    // how many there were
  _Atomic int64_t heap;     // bytes that malloc has given out, some milliseconds ago
  _Atomic uint32_t failed;  // whether it has failed
  char what[100];           // which call failed, and whose
};

static struct control *control;

// MARK: Who calls

struct range {
  uintptr_t low, high;
};

static struct range ranges[32], codecs[32];
static int range_count, codec_count;

static int add(struct dl_phdr_info *info, size_t size, void *context) {
  (void)size, (void)context;
  static const char *const names[] = {"libopus.", "libogg.", "libopusfile.", "libvorbis", "libpng", "libjpeg",
                                      "libsndfile.", "libmpg123.", "libmp3lame.", "libsoxr.", "libFLAC."};
  int is_codec = 0;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) is_codec |= strstr(info->dlpi_name, names[i]) != NULL;
  if (!is_codec && info->dlpi_name[0] != 0) return 0;  // the program itself has no name
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
    struct range range = {info->dlpi_addr + part->p_vaddr, info->dlpi_addr + part->p_vaddr + part->p_memsz};
    if (range_count < 32) ranges[range_count++] = range;
    if (is_codec && codec_count < 32) codecs[codec_count++] = range;
  }
  return 0;
}

static int within(const struct range *all, int count, uintptr_t address) {
  for (int i = 0; i < count; i++)
    if (all[i].low <= address && address < all[i].high) return 1;
  return 0;
}

static void *watch_heap(void *context) {
  (void)context;
  for (;;) {
    struct mallinfo2 info = mallinfo2();
    control->heap = (int64_t)(info.uordblks + info.hblkhd);
    usleep(20000);
  }
  return NULL;
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("RIFF_TORTURE");
  if (!path) return;
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *page = (void *)syscall(SYS_mmap, NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)0);
  close(file);
  if (page == MAP_FAILED) return;
  dl_iterate_phdr(add, NULL);
  control = page;
  pthread_t thread;
  pthread_create(&thread, NULL, watch_heap, NULL);
}

static int fails(enum kind kind, int usual, const char *what, void *caller) {
  if (!control || !(control->armed & 1u << kind)) return 0;
  int is_wanted = kind == ALLOCATE ? within(codecs, codec_count, (uintptr_t)caller)
                                   : within(ranges, range_count, (uintptr_t)caller);
  if (!is_wanted || atomic_fetch_add(&control->count, 1) + 1 != control->fail_at) return 0;
  Dl_info info;
  const char *library = dladdr(caller, &info) && info.dli_fname ? strrchr(info.dli_fname, '/') : NULL;
  snprintf(control->what, sizeof control->what, "%s, called in %s by %s", what, library ? library + 1 : "riffd",
           library && info.dli_sname ? info.dli_sname : "?");
  control->failed = 1;
  errno = control->error ? (int)control->error : usual;
  return 1;
}

#define FAILS(kind, usual) fails(kind, usual, __func__, __builtin_return_address(0))

// A file, a socket, or neither: an event descriptor's failure is the event loop's end, and no job's.
static int kind_of(int file, enum kind file_kind, enum kind socket_kind) {
  struct stat status;
  if (file <= 2 || syscall(SYS_fstat, file, &status) != 0) return -1;
  if (S_ISREG(status.st_mode)) return (int)file_kind;
  if (S_ISSOCK(status.st_mode)) return (int)socket_kind;
  return -1;
}

#define FAILS_READ(file)                                                      \
  ({                                                                          \
    int kind = control ? kind_of(file, FILE_READ, SOCKET_READ) : -1;          \
    kind >= 0 && FAILS((enum kind)kind, kind == FILE_READ ? EIO : ECONNRESET); \
  })
#define FAILS_WRITE(file)                                                     \
  ({                                                                          \
    int kind = control ? kind_of(file, FILE_WRITE, SOCKET_WRITE) : -1;        \
    kind >= 0 && FAILS((enum kind)kind, kind == FILE_WRITE ? ENOSPC : EPIPE); \
  })

// MARK: Files and sockets

static mode_t mode_of(int flags, va_list list) {
  return flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

int open(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = mode_of(flags, list);
  va_end(list);
  if (FAILS(OPEN, EMFILE)) return -1;
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = mode_of(flags, list);
  va_end(list);
  if (FAILS(OPEN, EMFILE)) return -1;
  return (int)syscall(SYS_openat, folder, path, flags, mode);
}

ssize_t read(int file, void *buffer, size_t count) {
  return FAILS_READ(file) ? -1 : syscall(SYS_read, file, buffer, count);
}

ssize_t pread(int file, void *buffer, size_t count, off_t offset) {
  return FAILS_READ(file) ? -1 : syscall(SYS_pread64, file, buffer, count, offset);
}

ssize_t write(int file, const void *buffer, size_t count) {
  return FAILS_WRITE(file) ? -1 : syscall(SYS_write, file, buffer, count);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
  return FAILS_WRITE(file) ? -1 : syscall(SYS_writev, file, parts, count);
}

ssize_t pwrite(int file, const void *buffer, size_t count, off_t offset) {
  return FAILS_WRITE(file) ? -1 : syscall(SYS_pwrite64, file, buffer, count, offset);
}

int ftruncate(int file, off_t length) {
  return FAILS(RESIZE, ENOSPC) ? -1 : (int)syscall(SYS_ftruncate, file, length);
}

off_t lseek(int file, off_t offset, int whence) {
  return FAILS(SEEK, EIO) ? -1 : syscall(SYS_lseek, file, offset, whence);
}

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
  if (FAILS(MAP, ENOMEM)) return MAP_FAILED;
  return (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset);
}

int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags) {
  return FAILS(ACCEPT, EMFILE) ? -1 : (int)syscall(SYS_accept4, listener, address, length, flags);
}

int accept(int listener, struct sockaddr *address, socklen_t *length) {
  return FAILS(ACCEPT, EMFILE) ? -1 : (int)syscall(SYS_accept4, listener, address, length, 0);
}

// MARK: Memory, where a codec asks for it

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size) {
  return FAILS(ALLOCATE, ENOMEM) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  return FAILS(ALLOCATE, ENOMEM) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
  return FAILS(ALLOCATE, ENOMEM) ? NULL : __libc_realloc(old, size);
}
