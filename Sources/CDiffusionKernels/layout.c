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

void dk_patches(
    const float *in, size_t height, size_t width, size_t channels, size_t out_height,
    size_t out_width, size_t kernel, size_t stride, size_t padding, size_t first, size_t rows,
    float *out) {
  const size_t line = kernel * channels;
  for (size_t row = first; row < first + rows; row++) {
    const size_t x = row % out_width;
    const size_t y = row / out_width % out_height;
    const float *map = in + row / (out_width * out_height) * height * width * channels;
    // Where the patch begins in the map; it may be outside.
    const ptrdiff_t left = (ptrdiff_t)(x * stride) - (ptrdiff_t)padding;
    const ptrdiff_t top = (ptrdiff_t)(y * stride) - (ptrdiff_t)padding;
    const size_t before = left < 0 ? (size_t)-left : 0;
    const ptrdiff_t room = (ptrdiff_t)width - left;
    const size_t end = room < (ptrdiff_t)kernel ? (size_t)(room < 0 ? 0 : room) : kernel;
    for (size_t ky = 0; ky < kernel; ky++, out += line) {
      const ptrdiff_t source = top + (ptrdiff_t)ky;
      if (source < 0 || source >= (ptrdiff_t)height || before >= end) {
        memset(out, 0, line * sizeof(float));
        continue;
      }
      if (before > 0) memset(out, 0, before * channels * sizeof(float));
      memcpy(
          out + before * channels,
          map + ((size_t)source * width + (size_t)(left + (ptrdiff_t)before)) * channels,
          (end - before) * channels * sizeof(float));
      if (end < kernel) memset(out + end * channels, 0, (kernel - end) * channels * sizeof(float));
    }
  }
}
