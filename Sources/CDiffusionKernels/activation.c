#include "CDiffusionKernels.h"
#include "vector.h"

enum { lanes = 16 };

DK_KERNEL void dk_silu(float *x, size_t count) {
  for (size_t i = 0; i < count; i++) x[i] = x[i] * dk_sigmoid(x[i]);
}

DK_KERNEL void dk_gelu(float *x, size_t count) {
  for (size_t i = 0; i < count; i++) x[i] = dk_gelu_value(x[i]);
}

DK_KERNEL void dk_quick_gelu(float *x, size_t count) {
  for (size_t i = 0; i < count; i++) x[i] = x[i] * dk_sigmoid(1.702f * x[i]);
}

DK_KERNEL void dk_geglu(const float *x, float *restrict y, size_t rows, size_t inner) {
  for (size_t row = 0; row < rows; row++) {
    const float *hidden = x + row * 2 * inner;
    const float *gate = hidden + inner;
    float *out = y + row * inner;
    for (size_t i = 0; i < inner; i++) out[i] = hidden[i] * dk_gelu_value(gate[i]);
  }
}

// Sixteen running maxima and sums: the same order of additions whatever the vector width.
DK_INLINE void softmax_row(float *x, size_t columns, float scale) {
  const size_t whole = columns - columns % lanes;
  float maxima[lanes];
  for (int j = 0; j < lanes; j++) maxima[j] = -__builtin_inff();
  for (size_t c = 0; c < whole; c += lanes)
    for (int j = 0; j < lanes; j++) {
      float value = x[c + j] * scale;
      maxima[j] = value > maxima[j] ? value : maxima[j];
    }
  for (size_t c = whole; c < columns; c++) {
    float value = x[c] * scale;
    maxima[c - whole] = value > maxima[c - whole] ? value : maxima[c - whole];
  }
  float maximum = maxima[0];
  for (int j = 1; j < lanes; j++) maximum = maxima[j] > maximum ? maxima[j] : maximum;

  float sums[lanes] = {0};
  for (size_t c = 0; c < whole; c += lanes)
    for (int j = 0; j < lanes; j++) {
      float value = dk_exp(x[c + j] * scale - maximum);
      x[c + j] = value;
      sums[j] += value;
    }
  for (size_t c = whole; c < columns; c++) {
    float value = dk_exp(x[c] * scale - maximum);
    x[c] = value;
    sums[c - whole] += value;
  }
  float total = 0;
  for (int j = 0; j < lanes; j++) total += sums[j];
  const float inverse = 1.0f / total;
  for (size_t c = 0; c < columns; c++) x[c] *= inverse;
}

DK_KERNEL void dk_softmax(float *x, size_t rows, size_t columns, float scale) {
  for (size_t row = 0; row < rows; row++) softmax_row(x + row * columns, columns, scale);
}

DK_KERNEL void dk_softmax_causal(
    float *x, size_t rows, size_t columns, size_t first, float scale) {
  for (size_t row = 0; row < rows; row++) {
    size_t seen = first + row + 1;
    if (seen > columns) seen = columns;
    softmax_row(x + row * columns, seen, scale);
    for (size_t c = seen; c < columns; c++) x[row * columns + c] = 0;
  }
}
