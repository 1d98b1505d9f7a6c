#include "CDiffusionKernels.h"
#include "vector.h"

enum { lanes = 16 };

DK_KERNEL void dk_moments(
    const float *x, size_t rows, size_t channels, double *restrict sum, double *restrict square) {
  for (size_t row = 0; row < rows; row++) {
    const float *line = x + row * channels;
    for (size_t c = 0; c < channels; c++) {
      double value = line[c];
      sum[c] += value;
      square[c] += value * value;
    }
  }
}

DK_KERNEL void dk_scale_shift(
    const float *x, float *y, size_t rows, size_t channels, const float *restrict scale,
    const float *restrict shift) {
  for (size_t row = 0; row < rows; row++) {
    const float *in = x + row * channels;
    float *out = y + row * channels;
    for (size_t c = 0; c < channels; c++) out[c] = in[c] * scale[c] + shift[c];
  }
}

DK_KERNEL void dk_scale_shift_silu(
    const float *x, float *y, size_t rows, size_t channels, const float *restrict scale,
    const float *restrict shift) {
  for (size_t row = 0; row < rows; row++) {
    const float *in = x + row * channels;
    float *out = y + row * channels;
    for (size_t c = 0; c < channels; c++) {
      float value = in[c] * scale[c] + shift[c];
      out[c] = value * dk_sigmoid(value);
    }
  }
}

DK_INLINE float sum_of_lanes(const float *partial) {
  double total = 0;
  for (int j = 0; j < lanes; j++) total += partial[j];
  return (float)total;
}

DK_KERNEL void dk_layer_norm(
    const float *x, float *y, size_t rows, size_t channels, const float *restrict weight,
    const float *restrict bias, float epsilon) {
  const size_t whole = channels - channels % lanes;
  for (size_t row = 0; row < rows; row++) {
    const float *in = x + row * channels;
    float *out = y + row * channels;

    float partial[lanes] = {0};
    for (size_t c = 0; c < whole; c += lanes)
      for (int j = 0; j < lanes; j++) partial[j] += in[c + j];
    for (size_t c = whole; c < channels; c++) partial[c - whole] += in[c];
    const float mean = sum_of_lanes(partial) / (float)channels;

    float squares[lanes] = {0};
    for (size_t c = 0; c < whole; c += lanes)
      for (int j = 0; j < lanes; j++) {
        float d = in[c + j] - mean;
        squares[j] += d * d;
      }
    for (size_t c = whole; c < channels; c++) {
      float d = in[c] - mean;
      squares[c - whole] += d * d;
    }
    const float variance = sum_of_lanes(squares) / (float)channels;
    const float inverse = 1.0f / __builtin_sqrtf(variance + epsilon);

    for (size_t c = 0; c < channels; c++) out[c] = (in[c] - mean) * inverse * weight[c] + bias[c];
  }
}
