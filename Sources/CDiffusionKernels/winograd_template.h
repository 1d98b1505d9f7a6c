// The transforms of minimal filtering F(4x4, 3x3) and F(2x2, 3x3) over vectors of channels;
// included after widen_template.h. Matrices: Lavin and Gray, 2015 (arXiv:1509.09308).

#define DK_FIXED static inline __attribute__((always_inline))

/// Bᵀ d for one line of 6 or 4 pixels.
DK_TARGET DK_FIXED void input_line(const vector *d, size_t from, vector *t, size_t to, size_t size) {
  if (size == 4) {
    const vector d0 = d[0], d1 = d[from], d2 = d[2 * from], d3 = d[3 * from], d4 = d[4 * from],
                 d5 = d[5 * from];
    const vector a = d4 - 4.0f * d2, b = d3 - 4.0f * d1;
    const vector c = d4 - d2, e = 2.0f * (d3 - d1);
    t[0] = 4.0f * d0 - 5.0f * d2 + d4;
    t[to] = a + b;
    t[2 * to] = a - b;
    t[3 * to] = c + e;
    t[4 * to] = c - e;
    t[5 * to] = 4.0f * d1 - 5.0f * d3 + d5;
  } else {
    const vector d0 = d[0], d1 = d[from], d2 = d[2 * from], d3 = d[3 * from];
    t[0] = d0 - d2;
    t[to] = d1 + d2;
    t[2 * to] = d2 - d1;
    t[3 * to] = d1 - d3;
  }
}

/// Aᵀ m for one line of 6 or 4 products.
DK_TARGET DK_FIXED void output_line(
    const vector *m, size_t from, vector *y, size_t to, size_t size) {
  if (size == 4) {
    const vector s = m[from] + m[2 * from], d = m[from] - m[2 * from];
    const vector s2 = m[3 * from] + m[4 * from], d2 = m[3 * from] - m[4 * from];
    y[0] = m[0] + s + s2;
    y[to] = d + 2.0f * d2;
    y[2 * to] = s + 4.0f * s2;
    y[3 * to] = d + 8.0f * d2 + m[5 * from];
  } else {
    y[0] = m[0] + m[from] + m[2 * from];
    y[to] = m[from] - m[2 * from] - m[3 * from];
  }
}

/// G g: rows `pair` of the result, of which there are 3 or 2 pairs: {0, 5} {1, 2} {3, 4}, or
/// {0, 3} {1, 2}.
DK_TARGET DK_FIXED void weight_pair(
    vector g0, vector g1, vector g2, size_t pair, vector *first, vector *second, size_t size) {
  if (pair == 0) {
    *first = size == 4 ? 0.25f * g0 : g0;
    *second = g2;
    return;
  }
  vector even, odd;
  if (size == 2) {
    even = 0.5f * (g0 + g2);
    odd = 0.5f * g1;
  } else if (pair == 1) {
    even = (-1.0f / 6) * (g0 + g2);
    odd = (-1.0f / 6) * g1;
  } else {
    even = (1.0f / 24) * g0 + (1.0f / 6) * g2;
    odd = (1.0f / 12) * g1;
  }
  *first = even + odd;
  *second = even - odd;
}

/// Whether a point of an enlarged map's tile is 0 whatever the map: two and two of its pixels are equal.
DK_FIXED int vanishes(size_t y, size_t x, int repeated) { return repeated && (y == 2 || x == 2); }

DK_TARGET DK_FIXED void input_block(
    const float *const *pixels, const size_t *moves, size_t channel, float *out, size_t stride,
    const size_t size, const int repeated) {
  const size_t side = size + 2;
  vector d[36], t[36];
#pragma clang loop unroll(full)
  for (size_t x = 0; x < side; x++) {
#pragma clang loop unroll(full)
    for (size_t y = 0; y < side; y++) {
      const size_t i = y * side + x;
      d[i] = *(const loose_vector *)(pixels[i] + (channel & moves[i]));
    }
    input_line(d + x, side, t + x, side, size);
  }
#pragma clang loop unroll(full)
  for (size_t y = 0; y < side; y++) {
    vector v[6];
    input_line(t + y * side, 1, v, 1, size);
#pragma clang loop unroll(full)
    for (size_t x = 0; x < side; x++) {
      if (vanishes(y, x, repeated)) continue;
      *(vector *)(out + (y * side + x) * stride) = v[x];
    }
  }
}

DK_TARGET DK_FIXED void input_tile(
    const float *const *pixels, const size_t *moves, size_t channels, float *out, size_t stride,
    const size_t size, const int repeated) {
  size_t channel = 0;
  for (; channel + DK_WIDTH <= channels; channel += DK_WIDTH)
    input_block(pixels, moves, channel, out + channel, stride, size, repeated);
  if (channel == channels) return;
  // The last channels, filled up with zeros; a line of `out` has room for whole vectors.
  float rest[36][DK_WIDTH];
  const float *lines[36];
  size_t still[36];
  for (size_t i = 0; i < (size + 2) * (size + 2); i++) {
    memset(rest[i], 0, sizeof rest[i]);
    memcpy(rest[i], pixels[i] + (channel & moves[i]), (channels - channel) * sizeof(float));
    lines[i] = rest[i];
    still[i] = 0;
  }
  input_block(lines, still, 0, out + channel, stride, size, repeated);
}

DK_TARGET static void winograd_input(
    const float *const *pixels, const size_t *moves, size_t channels, float *out, size_t stride,
    size_t size, int repeated) {
  if (size == 4 && repeated)
    input_tile(pixels, moves, channels, out, stride, 4, 1);
  else if (size == 4)
    input_tile(pixels, moves, channels, out, stride, 4, 0);
  else
    input_tile(pixels, moves, channels, out, stride, 2, repeated);
}

/// The sum of the lanes.
DK_TARGET DK_FIXED float lane_sum(vector x) {
  typedef float four __attribute__((vector_size(16)));
  four part[DK_WIDTH / 4];
  memcpy(part, &x, sizeof x);
  four sum = part[0];
#pragma clang loop unroll(full)
  for (size_t i = 1; i < DK_WIDTH / 4; i++) sum += part[i];
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

DK_TARGET DK_FIXED void integer_tile(
    const float *const *pixels, const size_t *moves, size_t channels, float *whole, dk_word *out,
    size_t stride, float *scale, size_t scale_stride, const size_t size, const int repeated) {
  const size_t points = (size + 2) * (size + 2);
  const size_t padded = (channels + 31) / 32 * 32;
  input_tile(pixels, moves, channels, whole, DK_TILE_STRIDE, size, repeated);
  // Whole vectors are written.
  const size_t written = (channels + DK_WIDTH - 1) / DK_WIDTH * DK_WIDTH;
  float length[36], factor[36];
  for (size_t i = 0; i < points; i++) {
    length[i] = 0;
    if (vanishes(i / (size + 2), i % (size + 2), repeated)) continue;
    float *line = whole + i * DK_TILE_STRIDE;
    for (size_t c = written; c < padded; c += DK_WIDTH) *(vector *)(line + c) = (vector){0};
    vector squares[2] = {{0}, {0}};
    for (size_t c = 0; c < padded; c += 32)
#pragma clang loop unroll(full)
      for (size_t v = 0; v < 16; v += DK_WIDTH)
#pragma clang loop unroll(full)
        for (size_t half = 0; half < 2; half++) {
          const vector x = *(const vector *)(line + c + 16 * half + v);
          squares[half] += x * x;
        }
    length[i] = lane_sum(squares[0] + squares[1]);
  }
  for (size_t i = 0; i < points; i++) {
    length[i] = __builtin_sqrtf(length[i]);
    // Of nothing but zeros, and where a number is none, the integers are 0.
    factor[i] = length[i] > 0 ? DK_LONGEST / length[i] : 0;
  }
  for (size_t i = 0; i < points; i++) {
    if (vanishes(i / (size + 2), i % (size + 2), repeated)) continue;
    scale[i * scale_stride] = length[i] * (1 / DK_LONGEST);
    const float *line = whole + i * DK_TILE_STRIDE;
    float *to = (float *)(out + i * stride);
    for (size_t c = 0; c < padded; c += 32)
#pragma clang loop unroll(full)
      for (size_t v = 0; v < 16; v += DK_WIDTH, to += DK_WIDTH)
        *(vector *)to = joined_integers(
            *(const vector *)(line + c + v) * factor[i],
            *(const vector *)(line + c + 16 + v) * factor[i]);
  }
}

DK_TARGET static void winograd_integers(
    const float *const *pixels, const size_t *moves, size_t channels, float *whole, void *out,
    size_t stride, float *scale, size_t scale_stride, size_t size, int repeated) {
  if (size == 4 && repeated)
    integer_tile(pixels, moves, channels, whole, out, stride, scale, scale_stride, 4, 1);
  else if (size == 4)
    integer_tile(pixels, moves, channels, whole, out, stride, scale, scale_stride, 4, 0);
  else
    integer_tile(pixels, moves, channels, whole, out, stride, scale, scale_stride, 2, repeated);
}

/// Of quads the bytes `part` of the words.
DK_TARGET DK_FIXED vector weight_vector(const void *in, enum dk_element element, size_t part) {
  if (element == dk_element_quads)
    return __builtin_convertvector(
        (integers)((*(const bits *)in) << (24 - 8 * part)) >> 24, vector);
  if (element == dk_element_float16) return float16_vector(in);
  if (element == dk_element_bfloat16) return bfloat16_vector(in);
  return *(const vector *)in;
}

DK_TARGET DK_FIXED void weight_lines(
    const unsigned char *const *taps, size_t depth, size_t pair, float *out, size_t stride,
    size_t size, enum dk_element element) {
  const size_t bytes = element == dk_element_float32 || element == dk_element_quads ? 4 : 2;
  const size_t parts = element == dk_element_quads ? 4 : 1;
  const size_t side = size + 2;
  for (size_t c = 0; c < depth * DK_PANEL; c += DK_WIDTH)
    for (size_t part = 0; part < parts; part++) {
      vector two[2][3];
#pragma clang loop unroll(full)
      for (size_t x = 0; x < 3; x++)
        weight_pair(
            weight_vector(taps[x] + c * bytes, element, part),
            weight_vector(taps[3 + x] + c * bytes, element, part),
            weight_vector(taps[6 + x] + c * bytes, element, part), pair, &two[0][x], &two[1][x],
            size);
      const size_t place = (c / DK_PANEL * parts + part) * DK_PANEL + c % DK_PANEL;
#pragma clang loop unroll(full)
      for (size_t row = 0; row < 2; row++) {
        float *line = out + row * side * stride + place;
#pragma clang loop unroll(full)
        for (size_t p = 0; p < side / 2; p++) {
          vector first, second;
          weight_pair(two[row][0], two[row][1], two[row][2], p, &first, &second, size);
          *(vector *)(line + (p == 0 ? 0 : 2 * p - 1) * stride) = first;
          *(vector *)(line + (p == 0 ? side - 1 : 2 * p) * stride) = second;
        }
      }
    }
}

DK_TARGET DK_FIXED void weight_pairs(
    const unsigned char *const *taps, size_t depth, size_t pair, float *out, size_t stride,
    size_t size, enum dk_element element) {
  switch (pair) {
  case 0: weight_lines(taps, depth, 0, out, stride, size, element); break;
  case 1: weight_lines(taps, depth, 1, out, stride, size, element); break;
  default: weight_lines(taps, depth, 2, out, stride, size, element); break;
  }
}

#define DK_WEIGHTS(NAME, SIZE, ELEMENT)                                             \
  DK_TARGET static __attribute__((noinline)) void NAME(                             \
      const unsigned char *const *taps, size_t depth, size_t pair, float *out,      \
      size_t stride) {                                                              \
    weight_pairs(taps, depth, pair, out, stride, SIZE, ELEMENT);                    \
  }
DK_WEIGHTS(weights_4_float32, 4, dk_element_float32)
DK_WEIGHTS(weights_4_float16, 4, dk_element_float16)
DK_WEIGHTS(weights_4_bfloat16, 4, dk_element_bfloat16)
DK_WEIGHTS(weights_4_quads, 4, dk_element_quads)
DK_WEIGHTS(weights_2_float32, 2, dk_element_float32)
DK_WEIGHTS(weights_2_float16, 2, dk_element_float16)
DK_WEIGHTS(weights_2_bfloat16, 2, dk_element_bfloat16)
DK_WEIGHTS(weights_2_quads, 2, dk_element_quads)
#undef DK_WEIGHTS

/// Pairs in bf16 are not for minimal filtering.
static void winograd_weights(
    const unsigned char *const *taps, enum dk_element element, size_t depth, size_t pair,
    float *out, size_t stride, size_t size) {
  switch (element) {
  case dk_element_float32:
    (size == 4 ? weights_4_float32 : weights_2_float32)(taps, depth, pair, out, stride);
    break;
  case dk_element_float16:
    (size == 4 ? weights_4_float16 : weights_2_float16)(taps, depth, pair, out, stride);
    break;
  case dk_element_bfloat16:
    (size == 4 ? weights_4_bfloat16 : weights_2_bfloat16)(taps, depth, pair, out, stride);
    break;
  case dk_element_quads:
    (size == 4 ? weights_4_quads : weights_2_quads)(taps, depth, pair, out, stride);
    break;
  case dk_element_pairs: break;
  }
}

DK_TARGET DK_FIXED void output_block(
    const float *in, size_t stride, const dk_winograd_output *to, size_t column, size_t count,
    const size_t size, const int repeated) {
  const size_t side = size + 2;
  vector t[24], y[16];
#pragma clang loop unroll(full)
  for (size_t x = 0; x < side; x++) {
    vector m[6];
#pragma clang loop unroll(full)
    for (size_t i = 0; i < side; i++)
      m[i] = vanishes(i, x, repeated)
                 ? (vector){0}
                 : *(const vector *)(in + (i * side + x) * stride + column);
    output_line(m, 1, t + x, side, size);
  }
#pragma clang loop unroll(full)
  for (size_t i = 0; i < size; i++) output_line(t + i * side, 1, y + i * size, 1, size);
  const size_t pixels = to->out_stride;
  if (count == DK_WIDTH) {
    const vector bias =
        to->bias ? *(const loose_vector *)(to->bias + column) : (vector){0};
#pragma clang loop unroll(full)
    for (size_t i = 0; i < size; i++) {
#pragma clang loop unroll(full)
      for (size_t j = 0; j < size; j++) {
        if (i >= to->rows || j >= to->columns) continue;
        const size_t pixel = i * to->line + j;
        vector value = y[i * size + j] + bias;
        if (to->residual)
          value += *(const loose_vector *)(to->residual + pixel * to->residual_stride + column);
        if (to->rectified) value = (vector)(~(bits)(value < 0.0f) & (bits)value);
        float *place = to->out + pixel * pixels + column;
        if (to->streamed)
          __builtin_nontemporal_store(value, (vector *)place);
        else
          *(loose_vector *)place = value;
      }
    }
    return;
  }
  for (size_t i = 0; i < to->rows; i++)
    for (size_t j = 0; j < to->columns; j++) {
      float line[DK_WIDTH];
      memcpy(line, &y[i * size + j], sizeof line);
      const size_t pixel = i * to->line + j;
      for (size_t c = 0; c < count; c++) {
        float value = line[c] + (to->bias ? to->bias[column + c] : 0);
        if (to->residual) value += to->residual[pixel * to->residual_stride + column + c];
        if (to->rectified && value < 0) value = 0;
        to->out[pixel * pixels + column + c] = value;
      }
    }
}

DK_TARGET static void winograd_output(
    const float *in, size_t stride, const dk_winograd_output *to, size_t columns, size_t size) {
  for (size_t column = 0; column < columns; column += DK_WIDTH) {
    const size_t count = columns - column < DK_WIDTH ? columns - column : DK_WIDTH;
    if (size == 4 && to->repeated)
      output_block(in, stride, to, column, count, 4, 1);
    else if (size == 4)
      output_block(in, stride, to, column, count, 4, 0);
    else
      output_block(in, stride, to, column, count, 2, to->repeated);
  }
}
