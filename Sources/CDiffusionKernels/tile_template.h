// The inner loop of a product, compiled once for each instruction set. Before including it define:
// DK_TARGET        the function attribute that turns the instructions on
// DK_WIDTH         floats in a vector
// DK_VECTORS       vectors side by side in a tile
// DK_ROWS          rows of a full tile; DK_ROWS x DK_VECTORS sums and a few operands fill the registers
// DK_EACH_ROWS     DK_CASE(1) ... DK_CASE(DK_ROWS)
// DK_NATIVE_PAIRS  1 where the instructions have dot products of bf16, 0 where floats take their place
// DK_NATIVE_QUADS  1 where they have dot products of bytes, DK_DOT_BYTES(sum, left, right), and of 16-bit
//                  integers, DK_DOT_HALVES(sum, left, right)
// DK_MULTIPLY_ADD  where they have not, but products of 16 bits that are added two and two
#include <stdint.h>
#include <string.h>

#include "tile.h"

#if defined(__x86_64__) && (DK_WIDTH > 4)
#include <immintrin.h>
#endif

typedef float vector __attribute__((vector_size(DK_WIDTH * 4)));
typedef float loose_vector __attribute__((vector_size(DK_WIDTH * 4), aligned(4), may_alias));
typedef uint32_t bits __attribute__((vector_size(DK_WIDTH * 4)));
typedef int32_t integers __attribute__((vector_size(DK_WIDTH * 4)));
typedef int16_t halves __attribute__((vector_size(DK_WIDTH * 4)));
typedef uint16_t unsigned_halves __attribute__((vector_size(DK_WIDTH * 4)));

#define DK_SPAN (DK_WIDTH * DK_VECTORS)

/// sum + a · b, of one number or of several in a word; the sum of bytes is an integer's bits.
DK_TARGET static inline __attribute__((always_inline)) vector accumulate(
    vector sum, uint32_t left, vector right, const enum dk_form form) {
  if (form == dk_form_float) return sum + dk_bits_to_float(left) * right;
  if (form == dk_form_pairs) {
#if DK_NATIVE_PAIRS
    const bits word = (bits){0} + left;
    return (vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)word, (__m512bh)right);
#else
    sum += dk_bits_to_float(left << 16) * (vector)((bits)right << 16);
    return sum + dk_bits_to_float(left & 0xffff0000u) * (vector)((bits)right & 0xffff0000u);
#endif
  }
  if (form == dk_form_halves) {
    const bits word = (bits){0} + left;
#if DK_NATIVE_QUADS
    return DK_DOT_HALVES(sum, word, right);
#elif defined(DK_MULTIPLY_ADD)
    return (vector)((integers)sum + DK_MULTIPLY_ADD(word, right));
#else
    const integers lower = (integers)(word << 16) >> 16, upper = (integers)word >> 16;
    return (vector)((integers)sum + lower * ((integers)((bits)right << 16) >> 16) +
                    upper * ((integers)right >> 16));
#endif
  }
#if DK_NATIVE_QUADS
  const bits word = (bits){0} + left;
  return DK_DOT_BYTES(sum, word, right);
#else
  integers total = (integers)sum;
#ifdef DK_MULTIPLY_ADD
  // Every other byte as 16 bits: their products, two and two added, are exact.
  const bits first = (bits){0} + (left & 0x00ff00ffu);
  const bits second = (bits){0} + (left >> 8 & 0x00ff00ffu);
  const halves lower = (halves)((unsigned_halves)right << 8) >> 8;
  const halves upper = (halves)right >> 8;
  return (vector)(total + DK_MULTIPLY_ADD(first, lower) + DK_MULTIPLY_ADD(second, upper));
#endif
#pragma clang loop unroll(full)
  for (int byte = 0; byte < 4; byte++) {
    const int32_t factor = left >> (8 * byte) & 0xff;
    total += factor * ((integers)((bits)right << (24 - 8 * byte)) >> 24);
  }
  return (vector)total;
#endif
}

/// Scales, adds and stores a tile's sums; every step rounds for itself, so that a result is the same in
/// tiles of any number of rows.
DK_TARGET static inline __attribute__((always_inline)) void finish(
    const dk_tile *tile, size_t column, const size_t rows, vector sum[DK_ROWS][DK_VECTORS],
    const enum dk_form form) {
#pragma clang fp contract(off)
  const float *bias = tile->bias ? tile->bias + column : NULL;
  const float *add = tile->add ? tile->add + column : NULL;
  float *out = tile->out + column;
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t v = 0; v < DK_VECTORS; v++) {
      vector value = sum[r][v];
      if (form == dk_form_quads || form == dk_form_halves) {
        const vector scale = *(const loose_vector *)(tile->column_scale + column + v * DK_WIDTH);
        value = __builtin_convertvector((integers)value, vector) * (tile->row_scale[r] * scale);
      }
      if (bias) value += *(const loose_vector *)(bias + v * DK_WIDTH);
      if (add) value += *(const loose_vector *)(add + r * tile->add_stride + v * DK_WIDTH);
      *(loose_vector *)(out + r * tile->out_stride + v * DK_WIDTH) = value;
    }
}

/// `rows`, `stride` and `form` are constants where this is inlined; so all sums live in registers.
DK_TARGET static inline __attribute__((always_inline)) void multiply(
    const dk_tile *tile, size_t column, const size_t rows, const size_t stride,
    const enum dk_form form) {
  vector sum[DK_ROWS][DK_VECTORS];
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t v = 0; v < DK_VECTORS; v++)
      sum[r][v] = form == dk_form_quads
                      ? *(const loose_vector *)(tile->offset + column + v * DK_WIDTH)
                      : (vector){0};
  const dk_word *left = tile->left;
  const float *right = (const float *)tile->right + column;
  const float *next = tile->next ? tile->next : tile->right;
  const size_t step = tile->next ? 16 : 0;
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t line = 0; line < DK_SPAN; line += 16)
      __builtin_prefetch(tile->out + r * tile->out_stride + column + line, 1);
#pragma clang loop unroll_count(2)
  for (size_t k = tile->depth; k > 0; k--, left++, right += DK_PANEL, next += step) {
    __builtin_prefetch(next, 0, 2);
    vector operand[DK_VECTORS];
#pragma clang loop unroll(full)
    for (size_t v = 0; v < DK_VECTORS; v++)
      operand[v] = *(const loose_vector *)(right + v * DK_WIDTH);
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++) {
      const uint32_t factor = left[r * stride];
#pragma clang loop unroll(full)
      for (size_t v = 0; v < DK_VECTORS; v++)
        sum[r][v] = accumulate(sum[r][v], factor, operand[v], form);
    }
  }
  finish(tile, column, rows, sum, form);
}

#define DK_TILES(NAME)                                                                  \
  static void NAME(const dk_tile *tile, size_t rows) {                                  \
    switch (rows) {                                                                     \
      DK_EACH_ROWS                                                                      \
    default: break;                                                                     \
    }                                                                                   \
  }

#define DK_ONE(NAME, FORM, R)                                                           \
  DK_TARGET static __attribute__((noinline)) void NAME##_##R(const dk_tile *tile) {     \
    for (size_t column = 0; column < DK_PANEL; column += DK_SPAN)                       \
      if (tile->left_stride == DK_TILE_STRIDE)                                          \
        multiply(tile, column, R, DK_TILE_STRIDE, FORM);                                \
      else                                                                              \
        multiply(tile, column, R, DK_SHORT_STRIDE, FORM);                               \
  }

#define DK_CASE(R) DK_ONE(multiply, dk_form_float, R)
DK_EACH_ROWS
#undef DK_CASE
#define DK_CASE(R) DK_ONE(multiply_pairs, dk_form_pairs, R)
DK_EACH_ROWS
#undef DK_CASE
#define DK_CASE(R) DK_ONE(multiply_halves, dk_form_halves, R)
DK_EACH_ROWS
#undef DK_CASE
#define DK_CASE(R) DK_ONE(multiply_quads, dk_form_quads, R)
DK_EACH_ROWS
#undef DK_CASE
#undef DK_ONE

#define DK_CASE(R) case R: multiply_##R(tile); break;
DK_TILES(multiply_tile)
#undef DK_CASE
#define DK_CASE(R) case R: multiply_pairs_##R(tile); break;
DK_TILES(multiply_pairs_tile)
#undef DK_CASE
#define DK_CASE(R) case R: multiply_halves_##R(tile); break;
DK_TILES(multiply_halves_tile)
#undef DK_CASE
#define DK_CASE(R) case R: multiply_quads_##R(tile); break;
DK_TILES(multiply_quads_tile)
#undef DK_CASE
#undef DK_TILES
