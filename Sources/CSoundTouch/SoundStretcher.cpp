#include "CSoundTouch.h"

#include <soundtouch/SoundTouch.h>

#include <type_traits>

static_assert(std::is_same<soundtouch::SAMPLETYPE, float>::value,
              "libsoundtouch must have been built for floats");

struct sound_stretcher {
  soundtouch::SoundTouch touch;
};

sound_stretcher *sound_stretcher_create(uint32_t sample_rate, uint32_t channels, double tempo) {
  sound_stretcher *stretcher = nullptr;
  try {
    stretcher = new sound_stretcher();
    stretcher->touch.setSampleRate(sample_rate);
    stretcher->touch.setChannels(channels);
    stretcher->touch.setTempo(tempo);
    return stretcher;
  } catch (...) {
    delete stretcher;
    return nullptr;
  }
}

void sound_stretcher_destroy(sound_stretcher *stretcher) { delete stretcher; }

int sound_stretcher_put(sound_stretcher *stretcher, const float *samples, uint32_t frames) {
  try {
    stretcher->touch.putSamples(samples, frames);
    return 0;
  } catch (...) {
    return -1;
  }
}

int sound_stretcher_flush(sound_stretcher *stretcher) {
  try {
    stretcher->touch.flush();
    return 0;
  } catch (...) {
    return -1;
  }
}

int64_t sound_stretcher_receive(sound_stretcher *stretcher, float *samples, uint32_t limit) {
  try {
    return stretcher->touch.receiveSamples(samples, limit);
  } catch (...) {
    return -1;
  }
}
