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

enum { attention_vectors = DK_PANEL / DK_WIDTH };

DK_TARGET static int soften(
    float *scores, size_t keys, float *maximum, float *sum, float *correction) {
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
    for (size_t k = 0; k < keys; k++) {
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

DK_TARGET static void rescale(float *out, size_t rows, const float *factor) {
  for (size_t r = 0; r < rows; r++)
    for (size_t v = 0; v < DK_PANEL; v += DK_WIDTH)
      *(vector *)(out + r * DK_PANEL + v) *= *(const vector *)(factor + v);
}
