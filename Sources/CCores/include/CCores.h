// What Swift cannot say of the processor.
#ifndef CCORES_H
#define CCORES_H

/// Tells the processor that a thread waits in a loop.
static inline void cores_spin_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Gives memory that was freed back to the system, which the C library may keep.
void cores_return_memory(void);

#endif
