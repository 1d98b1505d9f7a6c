// Products with weights packed once, and what convolutions make of them. Rows, strides and maps as
// in CDiffusionKernels.h.
//
// A weight matrix [columns, depth], used as out = rows · weightᵀ, is packed as
// [depth block][panel][depth within the block][32]: a panel is 32 neighbouring output columns, the
// last one filled up with zeros. Elements keep the type they have in the file and are widened to f32
// in cache, just before use; or they are words of several neighbours, and depth, block, channels and
// strides are then counted in words. A convolution's depth runs over (ky, kx, input channel).
//
// Every element of a result is summed in the same order whatever the slices, so the bytes do not
// depend on the number of threads.
#ifndef DK_PRODUCT_H
#define DK_PRODUCT_H

#include <stddef.h>
#include <stdint.h>

/// Output columns in a panel.
#define DK_PANEL 32
/// The longest depth block.
#define DK_DEPTH 320

/// How a packed weight's elements are stored.
enum dk_element {
  /// As in the file, and f32 to compute with.
  dk_element_float32,
  dk_element_float16,
  dk_element_bfloat16,
  /// Words of two neighbouring channels in bf16, the first one lower, the last one joined by 0 where
  /// channels are odd: of weights and rows alike. Sums are f32.
  dk_element_pairs,
  /// Words of four neighbouring channels in 8 bits. Weights have a sign and a scale a column; rows none:
  /// 128 stands for 0, and a row or a map has a scale. Sums within a depth block are integers.
  dk_element_quads,
};

/// Instructions that the products are written for. `dk_avx512_bf16` has dot products of bf16 and of bytes
/// beside AVX-512.
enum dk_instructions { dk_portable, dk_avx2, dk_avx512, dk_avx512_bf16 };

/// The best that this CPU has.
enum dk_instructions dk_best_instructions(void);

/// Length of all depth blocks but the last.
size_t dk_depth_block(size_t depth);
size_t dk_panels(size_t columns);
/// Elements of a packed matrix.
size_t dk_packed_count(size_t columns, size_t depth);

/// Packs rows `first_row ..< first_row + rows` of a matrix of `columns` output columns: `in` holds
/// those rows, `element_bytes` (2 or 4) an element at any alignment, in the file's order
/// [row][channel][tap]. Of the panels' columns it writes these rows' alone; whoever packs the last
/// row fills up its panel.
void dk_pack(
    const void *in, size_t element_bytes, size_t first_row, size_t rows, size_t columns,
    size_t channels, size_t taps, void *packed);

/// Numbers in a word: 1, 2 or 4. A word of 16-bit elements that are widened has one.
size_t dk_word_length(enum dk_element element);

/// Bytes of a packed matrix. After quads lie the columns' scales and their offsets, 32 a panel; the offsets
/// are integers, a line for each depth block.
size_t dk_packed_bytes(enum dk_element element, size_t columns, size_t channels, size_t taps);

/// The same for words of several numbers, of rows in f32: columns `first_row ..< first_row + rows`.
void dk_pack_words(
    const float *in, enum dk_element element, size_t first_row, size_t rows, size_t columns,
    size_t channels, size_t taps, void *packed);

/// f32 to bf16, to nearest, ties to even. `out` may be `in`.
void dk_round_bfloat16(const float *in, void *out, size_t count);

/// Rows of f32 as words of two numbers in bf16; `out_stride` in words.
void dk_round_rows(
    enum dk_instructions instructions, const float *in, size_t in_stride, size_t rows,
    size_t channels, void *out, size_t out_stride);

/// The greatest magnitude among rows of f32, as the bits of a float; those of a NaN where there is one.
uint32_t dk_largest_bits(const float *in, size_t in_stride, size_t rows, size_t channels);

/// Rows of f32 as words of four bytes, and what a byte's distance from 128 is worth: `largest` / 127,
/// which is the bits of all the rows' greatest magnitude, or null for that of each row.
void dk_quantize_rows(
    const float *in, size_t in_stride, size_t rows, size_t channels, const uint32_t *largest,
    void *out, size_t out_stride, float *scale);

/// The left side of a product: rows in memory (`kernel` 0), or the patches of a map that the rows of
/// a convolution's output see (`kernel` x `kernel` pixels of `channels`).
typedef struct {
  /// Floats, or words as the weight's.
  const float *data;
  /// Of rows in memory.
  size_t stride;
  size_t kernel;
  size_t channels;
  /// The map's size as the convolution sees it: enlarged, where `enlarged` is 1.
  size_t height, width;
  size_t out_height, out_width;
  size_t step;
  /// Pixels of zeros above and to the left of the map.
  size_t padding;
  /// 1: every pixel of the map in memory, [(height + 1) / 2][(width + 1) / 2], stands for 2 x 2.
  size_t enlarged;
  /// Of minimal filtering alone, and null for none: of every map the channels' scales, then their shifts.
  /// The convolution sees SiLU(x * scale + shift); what lies outside the map stays 0.
  const float *norm;
} dk_rows;

/// out = rows · weightᵀ + bias + residual.
typedef struct {
  dk_rows rows;
  size_t depth;
  const void *weight;
  enum dk_element element;
  /// Of quads: each row's scale, or each map's of the batch; NULL for others.
  const float *scale;
  size_t columns;
  /// May be null.
  const float *bias;
  /// May be null, and may be `out`.
  const float *residual;
  size_t residual_stride;
  float *out;
  size_t out_stride;
  /// 1: what is below 0 becomes 0. Of minimal filtering alone.
  int rectified;
  /// Of minimal filtering alone. 1: its products are of 16-bit integers, of which a point of a tile has a
  /// scale, and of the weights a point and column, for each depth block.
  int integers;
  enum dk_instructions instructions;
} dk_product;

/// Floats of scratch that a slice needs.
size_t dk_product_scratch(void);

/// The rows `first_row ..< first_row + rows` of the result and its columns in the panels
/// `first_panel ..< first_panel + panels`.
void dk_product_slice(
    const dk_product *product, size_t first_row, size_t rows, size_t first_panel, size_t panels,
    float *scratch);

// The two sides of a product in plain order, for another library's product.

/// `depth` elements from `first` on of some rows, into lines of `depth` floats.
void dk_product_rows(
    const dk_product *product, size_t first_row, size_t rows, size_t first, size_t depth,
    float *out);
/// The depth block that begins at `first`, of some panels' columns: its transpose, a line of
/// 32 x `panels` floats for each element of depth. Zeros where columns are missing.
void dk_product_weights(
    const dk_product *product, size_t first, size_t first_panel, size_t panels, float *out);

// 3x3 convolutions of step 1 by minimal filtering F(size x size, 3x3), `size` 2 or 4: Winograd, 1980;
// Lavin and Gray, 2015 (arXiv:1509.09308). The output is cut into tiles of size x size pixels,
// counted over the whole batch, a strip of tiles that goes down the map after the other. Of a map that is
// enlarged to an even size, the points that its repeated pixels make 0 are left out.
//
// In integers a point's channels are scaled to a vector 32,767 long on both sides, so that no sum of their
// products exceeds 2^30: of 128 channels, each is known to about 1 part in 3,000 of the others' size.

/// Tiles of a batch of `batch` maps.
size_t dk_winograd_tiles(const dk_product *product, size_t size, size_t batch);
/// Floats of the transformed input of `tiles` tiles.
size_t dk_winograd_input_count(size_t channels, size_t size, size_t tiles, int integers);
/// Floats of scratch that transforming input needs.
size_t dk_winograd_input_scratch(void);
/// Floats of scratch that a slice of `tiles` tiles needs.
size_t dk_winograd_scratch(size_t channels, size_t size, size_t tiles, int integers);

/// Transforms the tiles `first ..< first + count` of the block of `tiles` tiles that begins with
/// tile `block` of the map.
void dk_winograd_input(
    const dk_product *product, size_t size, size_t block, size_t tiles, size_t first, size_t count,
    float *transformed, float *scratch);
/// Floats of the transformed weights, and of scratch that transforming them needs.
size_t dk_winograd_weight_count(size_t channels, size_t columns, size_t size, int integers);
size_t dk_winograd_weight_scratch(size_t channels, size_t size, int integers);
/// Transforms some panels of the weights.
void dk_winograd_weights(
    const dk_product *product, size_t size, size_t first_panel, size_t panels, float *weights,
    float *scratch);

/// The outputs of the same tiles, in some panels of columns. `weights` are the transformed ones; null
/// where each panel's are to be made in scratch, which is right when there are few blocks of tiles.
void dk_winograd_slice(
    const dk_product *product, size_t size, size_t block, size_t tiles, size_t first, size_t count,
    const float *transformed, const float *weights, size_t first_panel, size_t panels,
    float *scratch);

#endif
