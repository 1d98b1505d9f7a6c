// The inner loop of a product, compiled once for each instruction set. Before including it define:
// DK_TARGET     the function attribute that turns the instructions on
// DK_WIDTH      floats in a vector
// DK_VECTORS    vectors side by side in a tile
// DK_ROWS       rows of a full tile; DK_ROWS x DK_VECTORS sums and a few operands fill the registers
// DK_EACH_ROWS  DK_CASE(1) ... DK_CASE(DK_ROWS)
#include <stdint.h>
#include <string.h>

#include "tile.h"

typedef float vector __attribute__((vector_size(DK_WIDTH * 4)));
typedef float loose_vector __attribute__((vector_size(DK_WIDTH * 4), aligned(4), may_alias));

#define DK_SPAN (DK_WIDTH * DK_VECTORS)

/// `rows` and `stride` are constants where this is inlined; so all sums live in registers.
DK_TARGET static inline __attribute__((always_inline)) void multiply(
    const dk_tile *tile, size_t column, const size_t rows, const size_t stride) {
  vector sum[DK_ROWS][DK_VECTORS];
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t v = 0; v < DK_VECTORS; v++) sum[r][v] = (vector){0};
  const float *left = tile->left;
  const float *right = tile->right + column;
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
      operand[v] = *(const vector *)(right + v * DK_WIDTH);
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++) {
      const float factor = left[r * stride];
#pragma clang loop unroll(full)
      for (size_t v = 0; v < DK_VECTORS; v++) sum[r][v] += factor * operand[v];
    }
  }
  const float *bias = tile->bias ? tile->bias + column : NULL;
  const float *add = tile->add ? tile->add + column : NULL;
  float *out = tile->out + column;
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t v = 0; v < DK_VECTORS; v++) {
      vector value = sum[r][v];
      if (bias) value += *(const loose_vector *)(bias + v * DK_WIDTH);
      if (add) value += *(const loose_vector *)(add + r * tile->add_stride + v * DK_WIDTH);
      *(loose_vector *)(out + r * tile->out_stride + v * DK_WIDTH) = value;
    }
}

#define DK_CASE(R)                                                                      \
  DK_TARGET static __attribute__((noinline)) void multiply_##R(const dk_tile *tile) {   \
    for (size_t column = 0; column < DK_PANEL; column += DK_SPAN)                       \
      if (tile->left_stride == DK_TILE_STRIDE)                                          \
        multiply(tile, column, R, DK_TILE_STRIDE);                                      \
      else                                                                              \
        multiply(tile, column, R, DK_SHORT_STRIDE);                                     \
  }
DK_EACH_ROWS
#undef DK_CASE

static void multiply_tile(const dk_tile *tile, size_t rows) {
  switch (rows) {
#define DK_CASE(R) \
  case R: multiply_##R(tile); break;
    DK_EACH_ROWS
#undef DK_CASE
  default: break;
  }
}
