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

VECTORISED
void spectrogram_ratio(const float *target, const float *estimate, float *out, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float e = estimate[i];
    out[i] = e > 1e-20f ? target[i] / e : 0;
  }
}

VECTORISED
void spectrogram_retarget(
  const float *restrict rebuilt, float *restrict previous, const float *restrict magnitude,
  float momentum, float *restrict out, size_t bins) {
  for (size_t i = 0; i < bins; i++) {
    float re = rebuilt[2 * i] - momentum * previous[2 * i];
    float im = rebuilt[2 * i + 1] - momentum * previous[2 * i + 1];
    previous[2 * i] = rebuilt[2 * i];
    previous[2 * i + 1] = rebuilt[2 * i + 1];
    float scale = magnitude[i] / sqrtf(re * re + im * im + 1e-30f);
    out[2 * i] = re * scale;
    out[2 * i + 1] = im * scale;
  }
}

void spectrogram_grey(
  const float *values, float scale, float power, uint8_t *out, size_t stride, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float level = 255.0f - powf(values[i] * scale, power) * 255.0f;
    out[i * stride] = level > 0 ? (uint8_t)level : 0;
  }
}
