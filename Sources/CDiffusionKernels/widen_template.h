// 16-bit weights to f32, as vectors; included after tile_template.h. `in` is aligned to 2 bytes,
// `out` as a vector is; `count` is a multiple of 32.
typedef uint16_t half_bits __attribute__((vector_size(DK_WIDTH * 2), aligned(2), may_alias));

DK_TARGET static inline __attribute__((always_inline)) vector float16_vector(const uint16_t *in) {
#if DK_HALF_CONVERSION
  typedef _Float16 half __attribute__((vector_size(DK_WIDTH * 2), aligned(2), may_alias));
  return __builtin_convertvector(*(const half *)in, vector);
#else
  // As dk_widen_float16 does it.
  const bits value = __builtin_convertvector(*(const half_bits *)in, bits);
  const bits sign = (value & 0x8000u) << 16;
  const bits rest = value & 0x7fffu;
  const bits finite = (bits)((vector)(rest << 13) * 0x1p112f);
  const bits special = (rest << 13) | 0x7f800000u;
  const bits isSpecial = (bits)(rest >= 0x7c00u);
  return (vector)(sign | (isSpecial & special) | (~isSpecial & finite));
#endif
}

DK_TARGET static inline __attribute__((always_inline)) vector bfloat16_vector(const uint16_t *in) {
  return (vector)(__builtin_convertvector(*(const half_bits *)in, bits) << 16);
}

DK_TARGET static void widen_float16(const void *in, float *out, size_t count) {
  const uint16_t *from = in;
  for (size_t i = 0; i < count; i += DK_WIDTH) *(vector *)(out + i) = float16_vector(from + i);
}

DK_TARGET static void widen_bfloat16(const void *in, float *out, size_t count) {
  const uint16_t *from = in;
  for (size_t i = 0; i < count; i += DK_WIDTH) *(vector *)(out + i) = bfloat16_vector(from + i);
}
