// f32 to words of two numbers in bf16; included after widen_template.h.

/// The bits of bf16 in the upper half of each lane, rounded to nearest, ties to even; NaN stays NaN.
DK_TARGET static inline __attribute__((always_inline)) bits bfloat16_bits(vector x) {
  const bits b = (bits)x;
  const bits even = (b >> 16) & 1;
  const bits rounded = b + 0x7fffu + even;
  const bits special = (bits)(x != x);
  return ((special & (b | 0x400000u)) | (~special & rounded)) & 0xffff0000u;
}

/// a in the lower halves of the lanes, b in the upper ones.
DK_TARGET static inline __attribute__((always_inline)) bits joined(vector a, vector b) {
#if DK_NATIVE_PAIRS
  const __m512i lanes = _mm512_set_epi16(
      31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19,
      3, 18, 2, 17, 1, 16, 0);
  return (bits)_mm512_permutexvar_epi16(
      lanes, (__m512i)_mm512_cvtne2ps_pbh((__m512)b, (__m512)a));
#else
  return (bfloat16_bits(a) >> 16) | bfloat16_bits(b);
#endif
}

DK_TARGET static void round_pairs(const float *in, size_t count, void *out) {
  dk_word *words = out;
#if DK_NATIVE_PAIRS
  for (; count >= DK_WIDTH; count -= DK_WIDTH, in += 2 * DK_WIDTH, words += DK_WIDTH)
    _mm512_storeu_si512(
        words, (__m512i)_mm512_cvtne2ps_pbh(
                   _mm512_loadu_ps(in + DK_WIDTH), _mm512_loadu_ps(in)));
#endif
  for (size_t i = 0; i < count; i++)
    words[i] = dk_bfloat16_bits(in[2 * i]) | (uint32_t)dk_bfloat16_bits(in[2 * i + 1]) << 16;
}

/// Numbers below 2^21 as integers, to nearest, ties to even: a in the lower halves of the lanes, b in the
/// upper ones.
DK_TARGET static inline __attribute__((always_inline)) vector joined_integers(vector a, vector b) {
  const vector shifter = (vector){0} + 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  return (vector)(((bits)(a + shifter) & 0xffffu) | ((bits)(b + shifter) << 16));
}

/// The longest vector of 16-bit integers whose dot product with another has room in 32 bits.
#define DK_LONGEST 32767.0f

DK_TARGET static void round_lines(const float *in, size_t lines, void *out, float *scale) {
  for (size_t v = 0; v < DK_PANEL; v += DK_WIDTH) {
    vector squares = {0};
    for (size_t n = 0; n < lines; n++) {
      const vector x = *(const vector *)(in + n * DK_PANEL + v);
      squares += x * x;
    }
    const vector length = __builtin_elementwise_sqrt(squares);
    // Of nothing but zeros, and where a number is none, the integers are 0.
    const bits counts = (bits)(length > 0.0f);
    const vector factor = (vector)(counts & (bits)(DK_LONGEST / length));
    *(vector *)(scale + v) = length * (1 / DK_LONGEST);
    float *to = (float *)out + v;
    for (size_t group = 0; group < lines; group += 32)
      for (size_t n = group; n < group + 16; n++, to += DK_PANEL) {
        const float *from = in + n * DK_PANEL + v;
        const vector first = n < lines ? *(const vector *)from : (vector){0};
        const vector second =
            n + 16 < lines ? *(const vector *)(from + 16 * DK_PANEL) : (vector){0};
        *(vector *)to = joined_integers(first * factor, second * factor);
      }
  }
}

DK_TARGET static void join_lines(const float *in, size_t lines, void *out) {
  float *to = out;
  for (size_t n = 0; n < lines; n += 2, in += 2 * DK_PANEL, to += DK_PANEL)
    for (size_t v = 0; v < DK_PANEL; v += DK_WIDTH) {
      const vector second =
          n + 1 < lines ? *(const vector *)(in + DK_PANEL + v) : (vector){0};
      *(vector *)(to + v) = (vector)joined(*(const vector *)(in + v), second);
    }
}
