#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// libsoundtouch's tempo change behind functions that C can call: its exceptions end here.
typedef struct sound_stretcher sound_stretcher;

// Null where there is not enough memory, or a parameter is out of range.
sound_stretcher *_Nullable sound_stretcher_create(
    uint32_t sample_rate, uint32_t channels, double tempo);

void sound_stretcher_destroy(sound_stretcher *_Nullable stretcher);

// Takes interleaved frames. 0, or −1 where there is not enough memory.
int sound_stretcher_put(
    sound_stretcher *_Nonnull stretcher, const float *_Nonnull samples, uint32_t frames);

// Makes what is held back ready, and silence behind it. 0, or −1.
int sound_stretcher_flush(sound_stretcher *_Nonnull stretcher);

// Takes out frames that are ready, `limit` at most; how many, or −1.
int64_t sound_stretcher_receive(
    sound_stretcher *_Nonnull stretcher, float *_Nonnull samples, uint32_t limit);

#ifdef __cplusplus
}
#endif
