#include "CSpectrogramKernels.h"

#include <math.h>

#if defined(__x86_64__) && !__has_feature(thread_sanitizer)
#define VECTORISED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTORISED
#endif

VECTORISED
void spectrogram_multiply(const float *a, const float *b, float *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = a[i] * b[i];
}

VECTORISED
void spectrogram_multiply_add(
  const float *restrict a, const float *restrict b, float *restrict out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] += a[i] * b[i];
}

VECTORISED
void spectrogram_add(const float *restrict a, float *restrict out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] += a[i];
}

VECTORISED
void spectrogram_magnitudes(const float *restrict z, float *restrict out, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float re = z[2 * i], im = z[2 * i + 1];
    out[i] = sqrtf(re * re + im * im);
  }
}

VECTORISED
void spectrogram_band_product(
  size_t rows, const int32_t *restrict start, const int32_t *restrict offset,
  const float *restrict weights, const float *restrict x, float *restrict y, size_t stride) {
#pragma clang fp reassociate(on)
  for (size_t r = 0; r < rows; r++) {
    const float *w = weights + offset[r], *v = x + start[r];
    size_t count = (size_t)(offset[r + 1] - offset[r]);
    float sum = 0;
    for (size_t i = 0; i < count; i++) sum += w[i] * v[i];
    y[r * stride] = sum;
  }
}

VECTORISED
void spectrogram_band_product_tile(
  size_t rows, const int32_t *restrict start, const int32_t *restrict offset,
  const float *restrict weights, const float *restrict x, float *restrict y) {
  for (size_t r = 0; r < rows; r++) {
    const float *w = weights + offset[r], *v = x + (size_t)start[r] * SPECTROGRAM_TILE;
    size_t count = (size_t)(offset[r + 1] - offset[r]);
    float sum[SPECTROGRAM_TILE] = {0};
    for (size_t i = 0; i < count; i++)
      for (size_t t = 0; t < SPECTROGRAM_TILE; t++) sum[t] += w[i] * v[i * SPECTROGRAM_TILE + t];
    for (size_t t = 0; t < SPECTROGRAM_TILE; t++) y[r * SPECTROGRAM_TILE + t] = sum[t];
  }
}

// Scalar, and for the oldest CPU: a vector of what lies scattered is a gather, which on many CPUs
// costs more than its loads. Eight sums at once hide the additions' latency.
void spectrogram_lane_product(
  size_t groups, const int32_t *restrict start, const int32_t *restrict offset,
  const float *restrict weights, const float *restrict x, float *restrict y) {
  for (size_t g = 0; g < groups; g++) {
    const float *v[SPECTROGRAM_LANES];
    for (size_t l = 0; l < SPECTROGRAM_LANES; l++) v[l] = x + start[g * SPECTROGRAM_LANES + l];
    float sum[SPECTROGRAM_LANES] = {0};
    const float *w = weights + (size_t)offset[g] * SPECTROGRAM_LANES;
    size_t count = (size_t)(offset[g + 1] - offset[g]);
    for (size_t i = 0; i < count; i++, w += SPECTROGRAM_LANES)
#pragma clang loop vectorize(disable) unroll(full)
      for (size_t l = 0; l < SPECTROGRAM_LANES; l++) sum[l] += w[l] * v[l][i];
    for (size_t l = 0; l < SPECTROGRAM_LANES; l++) y[g * SPECTROGRAM_LANES + l] = sum[l];
  }
}

VECTORISED
void spectrogram_ratio(const float *target, const float *estimate, float *out, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float e = estimate[i];
    out[i] = e > 1e-20f ? target[i] / e : 0;
  }
}

VECTORISED
void spectrogram_scale(float *restrict z, const float *restrict gain, size_t count) {
  for (size_t i = 0; i < count; i++) {
    z[2 * i] *= gain[i];
    z[2 * i + 1] *= gain[i];
  }
}

VECTORISED
void spectrogram_accelerate(
  const float *restrict sum, const float *restrict weight, float step, float inertia, float lead,
  float *restrict settled, float *restrict ahead, float *restrict signal, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float t = (1 - step) * ahead[i] + step * sum[i] * weight[i];
    float change = t - settled[i];
    signal[i] = t + inertia * change;
    ahead[i] = t + lead * change;
    settled[i] = t;
  }
}

VECTORISED
void spectrogram_raise_filtered(
  const float *restrict x, const float *restrict weights, size_t taps, float *restrict peaks,
  size_t count) {
  // Sums of some results at a time stay in registers.
  enum { STEP = 64 };
  size_t i = 0;
  for (; i + STEP <= count; i += STEP) {
    float sum[STEP] = {0};
    for (size_t tap = 0; tap < taps; tap++)
      for (size_t k = 0; k < STEP; k++) sum[k] += weights[tap] * x[i + tap + k];
    for (size_t k = 0; k < STEP; k++) peaks[i + k] = fmaxf(peaks[i + k], fabsf(sum[k]));
  }
  for (; i < count; i++) {
    float sum = 0;
    for (size_t tap = 0; tap < taps; tap++) sum += weights[tap] * x[i + tap];
    peaks[i] = fmaxf(peaks[i], fabsf(sum));
  }
}

void spectrogram_grey(
  const float *values, float scale, float power, uint8_t *out, size_t stride, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float level = 255.0f - powf(values[i] * scale, power) * 255.0f;
    out[i * stride] = level > 0 ? (uint8_t)level : 0;
  }
}
