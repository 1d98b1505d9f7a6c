#define _GNU_SOURCE
#include "CLibFuzzer.h"

#include <sys/mman.h>

int fuzz_memory_file(const char *name) { return memfd_create(name, 0); }
