// What the kernels share: which CPUs they are built for, and an exponential that vectorises.
#ifndef DK_VECTOR_H
#define DK_VECTOR_H

#include <stdint.h>
#include <string.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__x86_64__) && !__has_feature(thread_sanitizer)
#define DK_KERNEL \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DK_KERNEL
#endif

#define DK_INLINE static inline __attribute__((always_inline))

DK_INLINE float dk_bits_to_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

DK_INLINE uint32_t dk_float_to_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/// bf16 nearest to the value, ties to even; NaN stays NaN.
DK_INLINE uint16_t dk_bfloat16_bits(float value) {
  const uint32_t bits = dk_float_to_bits(value);
  if (value != value) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

/// e^x, relative error below 2e-7: x = n ln 2 + r, Taylor to the seventh power on |r| <= ln 2 / 2.
/// Saturates at e^-87 and e^88; NaN stays NaN.
DK_INLINE float dk_exp(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  const float shifter = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  float shifted = x * 1.44269504089f + shifter;
  float n = shifted - shifter;
  float r = x - n * 0.693359375f;  // ln 2 in two parts, the first exact in few bits
  r = r + n * 2.12194440e-4f;
  float p = 1.0f / 5040.0f;
  p = p * r + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  uint32_t exponent = (dk_float_to_bits(shifted) + 127u - 0x4b400000u) << 23;
  return p * dk_bits_to_float(exponent);
}

DK_INLINE float dk_sigmoid(float x) { return 1.0f / (1.0f + dk_exp(-x)); }

/// 0.5 x (1 + erf(x / sqrt 2)), erf by Abramowitz and Stegun 7.1.26 (absolute error 1.5e-7).
DK_INLINE float dk_gelu_value(float x) {
  float z = x * 0.70710678f;
  float a = dk_bits_to_float(dk_float_to_bits(z) & 0x7fffffffu);
  float t = 1.0f / (1.0f + 0.3275911f * a);
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  float tail = p * t * dk_exp(-a * a);  // erfc(|z|)
  return x >= 0.0f ? x - 0.5f * x * tail : 0.5f * x * tail;
}

#endif
