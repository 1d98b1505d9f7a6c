#include "CDiffusionKernels.h"
#include "vector.h"

// The sources may lie at any address, so elements are read by memcpy.

DK_KERNEL void dk_widen_float16(const void *in, float *out, size_t count) {
  const unsigned char *bytes = in;
  for (size_t i = 0; i < count; i++) {
    uint16_t half;
    memcpy(&half, bytes + 2 * i, 2);
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t rest = half & 0x7fffu;
    // Shifted into place the exponent is 112 too small; subnormals come out right as well.
    uint32_t finite = dk_float_to_bits(dk_bits_to_float(rest << 13) * 0x1p112f);
    uint32_t special = (rest << 13) | 0x7f800000u;
    out[i] = dk_bits_to_float(sign | (rest >= 0x7c00u ? special : finite));
  }
}

DK_KERNEL void dk_widen_bfloat16(const void *in, float *out, size_t count) {
  const unsigned char *bytes = in;
  for (size_t i = 0; i < count; i++) {
    uint16_t top;
    memcpy(&top, bytes + 2 * i, 2);
    out[i] = dk_bits_to_float((uint32_t)top << 16);
  }
}

void dk_copy_float32(const void *in, float *out, size_t count) {
  memcpy(out, in, count * sizeof(float));
}
