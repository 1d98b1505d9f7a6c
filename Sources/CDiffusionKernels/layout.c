#include "CDiffusionKernels.h"
#include "vector.h"

DK_KERNEL void dk_start_rows(
    float *out, size_t out_stride, const float *residual, size_t residual_stride, const float *bias,
    size_t rows, size_t columns) {
  for (size_t row = 0; row < rows; row++) {
    float *line = out + row * out_stride;
    if (residual) {
      const float *other = residual + row * residual_stride;
      if (bias)
        for (size_t c = 0; c < columns; c++) line[c] = other[c] + bias[c];
      else if (other != line)
        memcpy(line, other, columns * sizeof(float));
    } else if (bias) {
      memcpy(line, bias, columns * sizeof(float));
    } else {
      memset(line, 0, columns * sizeof(float));
    }
  }
}
