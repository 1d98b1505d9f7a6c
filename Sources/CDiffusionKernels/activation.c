#include "CDiffusionKernels.h"
#include "vector.h"

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
