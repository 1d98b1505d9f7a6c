#pragma once

#include <stddef.h>
#include <stdint.h>

// Vector loops of the audio path. Complex arrays are interleaved (re, im). No pointer may alias
// another but where it says so; nothing here allocates, fails or keeps state.

/// Frames that a banded product of tiles handles at once; a tile is (row, frame), frames inside.
#define SPECTROGRAM_TILE 16

/// out[i] = a[i] * b[i]; out may be a.
void spectrogram_multiply(const float *a, const float *b, float *out, size_t count);

/// out[i] += a[i] * b[i]
void spectrogram_multiply_add(const float *a, const float *b, float *out, size_t count);

/// out[i] += a[i]
void spectrogram_add(const float *a, float *out, size_t count);

/// out[i] = |z[i]|
void spectrogram_magnitudes(const float *z, float *out, size_t count);

/// y[r * stride] = sum over the band of row r of weights * x.
/// Row r covers x[start[r]] onwards with weights[offset[r]] up to weights[offset[r + 1]].
void spectrogram_band_product(
  size_t rows, const int32_t *start, const int32_t *offset, const float *weights, const float *x,
  float *y, size_t stride);

/// The same for a tile: x is (column, SPECTROGRAM_TILE), y is (row, SPECTROGRAM_TILE).
void spectrogram_band_product_tile(
  size_t rows, const int32_t *start, const int32_t *offset, const float *weights, const float *x,
  float *y);

/// out[i] = target[i] / estimate[i], or 0 where the estimate is 0; out may be estimate.
void spectrogram_ratio(const float *target, const float *estimate, float *out, size_t count);

/// One Griffin-Lim step with momentum on the bins of one frame:
/// c = rebuilt - momentum * previous; out = magnitude * c / |c|; previous = rebuilt.
void spectrogram_retarget(
  const float *rebuilt, float *previous, const float *magnitude, float momentum, float *out,
  size_t bins);

/// Grey levels as riffusion writes them: 255 - 255 * (value * scale) ^ power, truncated to 8 bits.
/// `value * scale` lies in 0 ... 1. Writes every `stride`-th byte.
void spectrogram_grey(
  const float *values, float scale, float power, uint8_t *out, size_t stride, size_t count);
