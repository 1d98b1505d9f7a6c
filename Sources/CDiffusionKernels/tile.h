// What the inner loops of products share with each other and with those who call them.
#ifndef DK_TILE_H
#define DK_TILE_H

#include <stddef.h>
#include <stdint.h>

#include "product.h"
#include "vector.h"

/// The longest depth block of a minimal filtering's products: what two rows of its points take for a
/// panel shares the second-level cache with the taps that they are made of.
#define DK_SHORT_DEPTH 160
/// Floats from one row of a left tile to the next: an odd number of cache lines, so that the rows
/// of a tile never meet in one set; constants, so that they are part of the instructions.
#define DK_TILE_STRIDE (DK_DEPTH + 16)
#define DK_SHORT_STRIDE (DK_SHORT_DEPTH + 16)
/// The most rows of a left tile, over all instruction sets.
#define DK_TILE_ROWS 14

/// Four bytes of a side of a product: a float, two numbers in bf16 or 16-bit integers, or four bytes, the
/// first one lowest.
typedef uint32_t dk_word __attribute__((may_alias));

enum dk_form { dk_form_float, dk_form_pairs, dk_form_halves, dk_form_quads };

/// One tile: out[rows x 32] = left[rows x depth] · right[depth x 32] + bias + add, both sides in words.
/// A null bias or add counts as 0; add may be out.
typedef struct {
  const void *left;
  /// DK_TILE_STRIDE or DK_SHORT_STRIDE.
  size_t left_stride;
  const void *right;
  size_t depth;
  /// Of quads alone, whose left bytes have no sign: where the columns' sums begin (integers).
  const float *offset;
  /// Of integers alone: what each row's and column's sum is multiplied with.
  const float *row_scale;
  const float *column_scale;
  float *out;
  size_t out_stride;
  const float *bias;
  const float *add;
  size_t add_stride;
  /// What will be the left side soon, or null: fetched into cache meanwhile, a line a step.
  const float *next;
} dk_tile;

typedef void dk_tile_function(const dk_tile *tile, size_t rows);
typedef void dk_widen_function(const void *in, float *out, size_t count);

/// Where a Winograd tile's outputs go: `rows` x `columns` of them are inside the map.
typedef struct {
  float *out;
  size_t out_stride;
  /// Pixels from one line of the map to the next.
  size_t line;
  size_t rows, columns;
  const float *bias;
  const float *residual;
  size_t residual_stride;
  int rectified;
  /// 1: the products of the third row and of the third column of points are not there, and 0.
  int repeated;
  /// 1: past the caches; everything is aligned as vectors are.
  int streamed;
} dk_winograd_output;

/// The inner loops for one instruction set.
typedef struct {
  /// Rows of a full tile.
  size_t tile_rows;
  /// Panels of a right block that stays in the second-level cache with DK_DEPTH floats a column.
  size_t block_panels;
  dk_tile_function *tile;
  dk_tile_function *tile_pairs;
  dk_tile_function *tile_halves;
  dk_tile_function *tile_quads;
  dk_widen_function *widen_float16;
  dk_widen_function *widen_bfloat16;
  /// One tile of F(size x size, 3x3): pixel i of the (size + 2)² lies at pixels[i], and moves[i] is
  /// all ones, or 0 where it is outside the map and pixels[i] is a vector of zeros. Its transform's
  /// point i goes to out + i * stride. `repeated`: the third row of points and the third column are 0 and
  /// are left out.
  void (*winograd_input)(
      const float *const *pixels, const size_t *moves, size_t channels, float *out, size_t stride,
      size_t size, int repeated);
  /// The same in 16-bit integers, words of two: point i goes to out + i * stride, and what 1 is worth
  /// there to scale[i * scale_stride]. A point's integers are at most 32,767 long as a vector.
  /// `whole` has room for (size + 2)² lines of DK_TILE_STRIDE floats.
  void (*winograd_integers)(
      const float *const *pixels, const size_t *moves, size_t channels, float *whole, void *out,
      size_t stride, float *scale, size_t scale_stride, size_t size, int repeated);
  /// Two rows of transformed weights, 2 (size + 2) points at a distance of `stride`, from `depth`
  /// lines of a panel at each of the nine taps; a line of quads makes four lines of the result, of bytes
  /// without the column's scale.
  void (*winograd_weights)(
      const unsigned char *const *taps, enum dk_element element, size_t depth, size_t pair,
      float *out, size_t stride, size_t size);
  /// One tile's outputs from its (size + 2)² products at in + i * stride.
  void (*winograd_output)(
      const float *in, size_t stride, const dk_winograd_output *to, size_t columns, size_t size);
  /// `lines` lines of 32 floats as words of two 16-bit integers, as winograd_integers pairs them: lines n
  /// and n + 16 of every 32, zeros where they are missing. Each column has a scale, and is at most
  /// 32,767 long as a vector.
  void (*round_lines)(const float *in, size_t lines, void *out, float *scale);
  /// `count` words of two neighbours, rounded to bf16 (to nearest, ties to even).
  void (*round_pairs)(const float *in, size_t count, void *out);
  /// out[n][32] = lines 2n and 2n + 1 of `in` as words of two, `lines` of them; an odd last one is
  /// joined by zeros. `out` may be `in`.
  void (*join_lines)(const float *in, size_t lines, void *out);
  /// Running softmax of 32 queries over `keys` more keys, in powers of two: scores [keys][32] become
  /// 2^(score - maximum), `maximum` and `sum` are brought up to date, and `correction` is what
  /// earlier results must be multiplied with; whether any of it is not 1.
  int (*soften)(float *scores, size_t keys, float *maximum, float *sum, float *correction);
  /// The same, but that scores become words of two neighbouring keys' results in bf16, of an odd last
  /// key and 0: [(keys + 1) / 2][32].
  int (*soften_pairs)(float *scores, size_t keys, float *maximum, float *sum, float *correction);
  /// out[rows][32] times factor[32].
  void (*rescale)(float *out, size_t rows, const float *factor);
} dk_kernels;

extern const dk_kernels dk_portable_kernels;
#if defined(__x86_64__)
extern const dk_kernels dk_avx2_kernels;
extern const dk_kernels dk_avx512_kernels;
extern const dk_kernels dk_avx512_bf16_kernels;
#endif

const dk_kernels *dk_kernels_for(enum dk_instructions instructions);

/// What lies after quads: a scale a column. `depth` in words.
const float *dk_column_scales(const void *packed, size_t columns, size_t depth);

#endif
