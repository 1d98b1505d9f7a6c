// The running softmax of attention, over vectors of queries; included after widen_template.h.

/// a where a > b, else b: one instruction where there is one, and NaN in b stays.
DK_TARGET static inline __attribute__((always_inline)) vector larger(vector a, vector b) {
  const bits above = (bits)(a > b);
  return (vector)((above & (bits)a) | (~above & (bits)b));
}

/// 2^x for x <= 0, relative error below 2e-7, saturating at 2^-125; NaN stays NaN. x = n + r, a
/// polynomial of the fifth degree on |r| <= 1/2.
DK_TARGET static inline __attribute__((always_inline)) vector exponential(vector x) {
  const vector shifter = (vector){0} + 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  x = larger((vector){0} - 125.0f, x);
  const vector shifted = x + shifter;
  const vector r = x - (shifted - shifter);
  vector p = r * 1.3276471e-3f + 9.6755419e-3f;
  p = p * r + 5.5507131e-2f;
  p = p * r + 2.4022120e-1f;
  p = p * r + 6.9314694e-1f;
  p = p * r + 1.0f;
  return (vector)((bits)p + ((bits)shifted << 23));
}

/// The same with a relative error below 1e-4, for what is then cut to bf16: x = n + r, n the integer
/// below, a polynomial of the third degree on 0 <= r < 1.
DK_TARGET static inline __attribute__((always_inline)) vector rough_exponential(vector x) {
#if DK_NATIVE_PAIRS
  const vector r = (vector)_mm512_reduce_ps((__m512)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#else
  const vector shifter = (vector){0} + 12582912.0f;
  x = larger((vector){0} - 125.0f, x);
  const vector near = (x + shifter) - shifter;
  const vector n = near + (vector)((bits)(near > x) & (bits)((vector){0} - 1.0f));
  const vector r = x - n;
#endif
  vector p = r * 7.8024523e-2f + 2.2606716e-1f;
  p = p * r + 6.9583354e-1f;
  p = p * r + 9.9992522e-1f;
#if DK_NATIVE_PAIRS
  return (vector)_mm512_scalef_ps((__m512)p, (__m512)x);
#else
  return (vector)((bits)p + ((bits)(n + shifter) << 23));
#endif
}

/// The upper halves of the lanes' bits, a's below b's: both cut to bf16. What that takes from a sum and
/// from its parts alike is gone when one is divided by the other.
DK_TARGET static inline __attribute__((always_inline)) vector cut_pair(vector a, vector b) {
  return (vector)(((bits)a >> 16) | ((bits)b & 0xffff0000u));
}

enum { attention_vectors = DK_PANEL / DK_WIDTH };

/// The sum with two keys' results, which go to `out` as words.
DK_TARGET static inline __attribute__((always_inline)) vector soften_pair(
    vector first, vector second, vector maximum, float *out, vector sum) {
  const vector both =
      cut_pair(rough_exponential(first - maximum), rough_exponential(second - maximum));
  *(vector *)out = both;
  return accumulate(sum, 0x3f803f80u, both, dk_form_pairs);  // times one and one
}

DK_TARGET static inline __attribute__((always_inline)) int softened(
    float *scores, size_t keys, float *maximum, float *sum, float *correction, const int pairs) {
  vector best[2][attention_vectors];
  for (size_t v = 0; v < attention_vectors; v++)
    best[0][v] = best[1][v] = *(const vector *)(maximum + v * DK_WIDTH);
  // Two maxima a query, so that comparisons need not wait for each other.
  size_t key = 0;
  for (; key + 2 <= keys; key += 2)
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 2; i++)
#pragma clang loop unroll(full)
      for (size_t v = 0; v < attention_vectors; v++)
        best[i][v] = larger(
            best[i][v], *(const vector *)(scores + (key + i) * DK_PANEL + v * DK_WIDTH));
  if (key < keys)
    for (size_t v = 0; v < attention_vectors; v++)
      best[0][v] = larger(best[0][v], *(const vector *)(scores + key * DK_PANEL + v * DK_WIDTH));
  bits moved = {0};
  for (size_t v = 0; v < attention_vectors; v++) {
    vector *before = (vector *)(maximum + v * DK_WIDTH);
    const vector now = larger(best[0][v], best[1][v]);
    moved |= (bits)(now != *before);
    *(vector *)(correction + v * DK_WIDTH) = exponential(*before - now);
    *before = now;
  }
  for (size_t v = 0; v < attention_vectors; v++) {
    const vector now = *(const vector *)(maximum + v * DK_WIDTH);
    vector *total = (vector *)(sum + v * DK_WIDTH);
    vector part[2] = {*total * *(const vector *)(correction + v * DK_WIDTH), {0}};
    if (pairs) {
      float *score = scores + v * DK_WIDTH;
      float *both = score;
      size_t k = 0;
#pragma clang loop unroll_count(2)
      for (; k + 2 <= keys; k += 2, score += 2 * DK_PANEL, both += DK_PANEL)
        part[0] = soften_pair(
            *(const vector *)score, *(const vector *)(score + DK_PANEL), now, both, part[0]);
      if (k < keys)
        part[0] = soften_pair(
            *(const vector *)score, (vector){0} - 1e30f, now, both, part[0]);
    } else for (size_t k = 0; k < keys; k++) {
      vector *score = (vector *)(scores + k * DK_PANEL + v * DK_WIDTH);
      const vector weight = exponential(*score - now);
      *score = weight;
      part[k & 1] += weight;
    }
    *total = part[0] + part[1];
  }
  uint32_t any = 0;
  for (size_t lane = 0; lane < DK_WIDTH; lane++) any |= moved[lane];
  return any != 0;
}

DK_TARGET static int soften(
    float *scores, size_t keys, float *maximum, float *sum, float *correction) {
  return softened(scores, keys, maximum, sum, correction, 0);
}

DK_TARGET static int soften_pairs(
    float *scores, size_t keys, float *maximum, float *sum, float *correction) {
  return softened(scores, keys, maximum, sum, correction, 1);
}

DK_TARGET static void rescale(float *out, size_t rows, const float *factor) {
  for (size_t r = 0; r < rows; r++)
    for (size_t v = 0; v < DK_PANEL; v += DK_WIDTH)
      *(vector *)(out + r * DK_PANEL + v) *= *(const vector *)(factor + v);
}
