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

/// Rows that a laned product handles at once.
#define SPECTROGRAM_LANES 8

/// y[r] = sum over i of weights[offset[g] + i][r - 8 g] * x[start[r] + i], for the rows r of each
/// group g and i below offset[g + 1] - offset[g].
void spectrogram_lane_product(
  size_t groups, const int32_t *start, const int32_t *offset, const float *weights,
  const float *x, float *y);

/// out[i] = target[i] / estimate[i], or 0 where the estimate is 0; out may be estimate.
void spectrogram_ratio(const float *target, const float *estimate, float *out, size_t count);

/// z[i] = gain[i] * z[i], z complex.
void spectrogram_scale(float *z, const float *gain, size_t count);

/// One accelerated step from the sound that a round made, p = sum * weight:
/// t = (1 - step) * ahead + step * p; signal = t + inertia * (t - settled);
/// ahead = t + lead * (t - settled); settled = t.
void spectrogram_accelerate(
  const float *sum, const float *weight, float step, float inertia, float lead, float *settled,
  float *ahead, float *signal, size_t count);

/// peaks[i] = max(peaks[i], |sum over tap of weights[tap] * x[i + tap]|); x holds count + taps - 1.
void spectrogram_raise_filtered(
  const float *x, const float *weights, size_t taps, float *peaks, size_t count);

/// Grey levels as riffusion writes them: 255 - 255 * (value * scale) ^ power, truncated to 8 bits.
/// `value * scale` lies in 0 ... 1. Writes every `stride`-th byte.
void spectrogram_grey(
  const float *values, float scale, float power, uint8_t *out, size_t stride, size_t count);
