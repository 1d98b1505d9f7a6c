#ifndef C_LIB_FUZZER_H
#define C_LIB_FUZZER_H

#include <stddef.h>
#include <stdint.h>

/// libFuzzer's driver, as its documentation gives it ("Using libFuzzer as a library").
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*one)(const uint8_t *data, size_t size));

/// A file in memory that a path, /proc/self/fd/N, opens; -1 with errno.
int fuzz_memory_file(const char *name);

#endif
