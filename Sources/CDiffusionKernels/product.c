#include "product.h"

#include <string.h>

#include "tile.h"

enum dk_instructions dk_best_instructions(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512cd"))
    return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16")
               ? dk_avx512_bf16
               : dk_avx512;
  // Every CPU with AVX2 has the half-precision conversions.
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return dk_avx2;
#endif
  return dk_portable;
}

const dk_kernels *dk_kernels_for(enum dk_instructions instructions) {
#if defined(__x86_64__)
  if (instructions == dk_avx512_bf16) return &dk_avx512_bf16_kernels;
  if (instructions == dk_avx512) return &dk_avx512_kernels;
  if (instructions == dk_avx2) return &dk_avx2_kernels;
#endif
  return &dk_portable_kernels;
}

size_t dk_depth_block(size_t depth) {
  const size_t blocks = (depth + DK_DEPTH - 1) / DK_DEPTH;
  return ((depth + blocks - 1) / blocks + 15) / 16 * 16;
}

size_t dk_panels(size_t columns) { return (columns + DK_PANEL - 1) / DK_PANEL; }

size_t dk_packed_count(size_t columns, size_t depth) {
  return dk_panels(columns) * DK_PANEL * depth;
}

/// One panel's columns `from ..< to` of channels `first ..< last`, 16-bit or 32-bit elements.
#define DK_PACK(NAME, TYPE)                                                                      \
  static void NAME(                                                                              \
      const unsigned char *in, size_t from, size_t to, size_t depth, size_t channels,            \
      size_t taps, size_t first, size_t last, TYPE *packed, size_t block, size_t panels,         \
      size_t panel) {                                                                            \
    for (size_t column = from; column < to; column++) {                                          \
      const unsigned char *row = in + (column - from) * depth * sizeof(TYPE);                    \
      for (size_t tap = 0; tap < taps; tap++)                                                    \
        for (size_t channel = first; channel < last; channel++) {                                \
          const size_t k = tap * channels + channel;                                             \
          const size_t start = k / block * block;                                                \
          const size_t length = depth - start < block ? depth - start : block;                   \
          TYPE value;                                                                            \
          memcpy(&value, row + (channel * taps + tap) * sizeof(TYPE), sizeof value);             \
          packed[(start * panels + panel * length + k - start) * DK_PANEL + column] = value;     \
        }                                                                                        \
    }                                                                                            \
  }
DK_PACK(pack_16, uint16_t)
DK_PACK(pack_32, uint32_t)

size_t dk_word_length(enum dk_element element) {
  return element == dk_element_pairs ? 2 : element == dk_element_quads ? 4 : 1;
}

size_t dk_packed_bytes(enum dk_element element, size_t columns, size_t channels, size_t taps) {
  const size_t length = dk_word_length(element);
  const size_t depth = (channels + length - 1) / length * taps;
  const size_t bytes = element == dk_element_float16 || element == dk_element_bfloat16 ? 2 : 4;
  const size_t block = dk_depth_block(depth);
  const size_t lines = element == dk_element_quads ? 1 + (depth + block - 1) / block : 0;
  return (dk_packed_count(columns, depth) * bytes) + lines * dk_panels(columns) * DK_PANEL * 4;
}

const float *dk_column_scales(const void *packed, size_t columns, size_t depth) {
  return (const float *)packed + dk_packed_count(columns, depth);
}

static const dk_word *column_offsets(
    const void *packed, size_t columns, size_t depth, size_t start) {
  const size_t line = 1 + start / dk_depth_block(depth);
  return (const dk_word *)dk_column_scales(packed, columns, depth) +
         line * dk_panels(columns) * DK_PANEL;
}

static float quad_scale(uint32_t largest) { return dk_bits_to_float(largest) / 127; }

/// What numbers are multiplied with, so that the largest becomes 127; 0 where that is none or so small
/// that its quotient would not be a number.
static float quad_factor(uint32_t largest) {
  return largest > 0x01000000u && largest < 0x7f800000u ? 127 / dk_bits_to_float(largest) : 0;
}

/// The number that is nearest to value * factor, ties to even; the lowest byte of what is returned.
DK_INLINE uint32_t quantized(float value, float factor) {
#pragma clang fp contract(off)
  return dk_float_to_bits(value * factor + 12582912.0f);  // 1.5 * 2^23
}

/// One column of quads.
static void pack_quads(
    const float *in, size_t column, size_t columns, size_t channels, size_t taps, void *packed) {
  const size_t words = (channels + 3) / 4;
  const size_t depth = words * taps;
  const size_t block = dk_depth_block(depth);
  const size_t panels = dk_panels(columns);
  const size_t panel = column / DK_PANEL;
  const uint32_t largest = dk_largest_bits(in, 0, 1, channels * taps);
  const float factor = quad_factor(largest);
  dk_word *out = packed;
  int32_t sum = 0;
  for (size_t k = 0; k < depth; k++) {
    const size_t start = k / block * block;
    const size_t some = depth - start < block ? depth - start : block;
    uint32_t word = 0;
    for (size_t byte = 0; byte < 4; byte++) {
      const size_t channel = k % words * 4 + byte;
      if (channel >= channels) break;
      const uint32_t value = quantized(in[channel * taps + k / words], factor) & 0xff;
      word |= value << (8 * byte);
      sum += (int8_t)value;
    }
    out[(start * panels + panel * some + k - start) * DK_PANEL + column % DK_PANEL] = word;
    if (k + 1 < start + some) continue;
    ((dk_word *)column_offsets(packed, columns, depth, start))[column] = (uint32_t)(-128 * sum);
    sum = 0;
  }
  ((float *)dk_column_scales(packed, columns, depth))[column] = quad_scale(largest);
}

void dk_pack_words(
    const float *in, enum dk_element element, size_t first_row, size_t rows, size_t columns,
    size_t channels, size_t taps, void *packed) {
  const size_t length = dk_word_length(element);
  const size_t words = (channels + length - 1) / length;
  const size_t depth = words * taps;
  const size_t block = dk_depth_block(depth);
  const size_t panels = dk_panels(columns);
  dk_word *out = packed;
  for (size_t row = first_row; row < first_row + rows; row++, in += channels * taps) {
    const size_t panel = row / DK_PANEL;
    if (element == dk_element_quads) pack_quads(in, row, columns, channels, taps, packed);
    for (size_t tap = 0; element == dk_element_pairs && tap < taps; tap++)
      for (size_t word = 0; word < words; word++) {
        const float *from = in + 2 * word * taps + tap;
        const uint32_t upper = 2 * word + 1 < channels ? dk_bfloat16_bits(from[taps]) : 0;
        const size_t k = tap * words + word;
        const size_t start = k / block * block;
        const size_t some = depth - start < block ? depth - start : block;
        out[(start * panels + panel * some + k - start) * DK_PANEL + row % DK_PANEL] =
            dk_bfloat16_bits(*from) | upper << 16;
      }
    if (row + 1 < columns || columns % DK_PANEL == 0) continue;
    for (size_t k = 0; k < depth; k++) {
      const size_t start = k / block * block;
      const size_t some = depth - start < block ? depth - start : block;
      for (size_t c = columns % DK_PANEL; c < DK_PANEL; c++)
        out[(start * panels + panel * some + k - start) * DK_PANEL + c] = 0;
    }
    if (element != dk_element_quads) continue;
    dk_word *scales = (dk_word *)dk_column_scales(packed, columns, depth);
    const size_t lines = 1 + (depth + block - 1) / block;
    for (size_t line = 0; line < lines; line++)
      for (size_t c = columns; c < panels * DK_PANEL; c++) scales[line * panels * DK_PANEL + c] = 0;
  }
}

DK_KERNEL static uint32_t largest_bits(const float *in, size_t count) {
  uint32_t largest = 0;
  for (size_t i = 0; i < count; i++) {
    const uint32_t bits = dk_float_to_bits(in[i]) & 0x7fffffffu;
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

uint32_t dk_largest_bits(const float *in, size_t in_stride, size_t rows, size_t channels) {
  uint32_t largest = 0;
  for (size_t r = 0; r < rows; r++) {
    const uint32_t bits = largest_bits(in + r * in_stride, channels);
    if (bits > largest) largest = bits;
  }
  return largest;
}

DK_KERNEL static void quantize(const float *restrict in, size_t count, float factor, uint8_t *restrict out) {
  for (size_t i = 0; i < count; i++) out[i] = (uint8_t)(quantized(in[i], factor) ^ 0x80);
}

void dk_quantize_rows(
    const float *in, size_t in_stride, size_t rows, size_t channels, const uint32_t *largest,
    void *out, size_t out_stride, float *scale) {
  unsigned char *bytes = out;
  for (size_t r = 0; r < rows; r++, in += in_stride, bytes += 4 * out_stride) {
    const uint32_t own = largest ? *largest : largest_bits(in, channels);
    quantize(in, channels, quad_factor(own), bytes);
    for (size_t c = channels; c < 4 * out_stride; c++) bytes[c] = 0x80;
    if (!largest || r == 0) scale[r] = quad_scale(own);
  }
}

DK_KERNEL void dk_round_bfloat16(const float *in, void *out, size_t count) {
  unsigned char *bytes = out;
  for (size_t i = 0; i < count; i++) {
    const uint16_t rounded = dk_bfloat16_bits(in[i]);
    memcpy(bytes + 2 * i, &rounded, 2);
  }
}

void dk_round_rows(
    enum dk_instructions instructions, const float *in, size_t in_stride, size_t rows,
    size_t channels, void *out, size_t out_stride) {
  const dk_kernels *kernels = dk_kernels_for(instructions);
  dk_word *words = out;
  for (size_t r = 0; r < rows; r++, in += in_stride, words += out_stride) {
    kernels->round_pairs(in, channels / 2, words);
    if (channels % 2) words[channels / 2] = dk_bfloat16_bits(in[channels - 1]);
  }
}

void dk_pack(
    const void *in, size_t element_bytes, size_t first_row, size_t rows, size_t columns,
    size_t channels, size_t taps, void *packed) {
  const size_t depth = channels * taps;
  const size_t block = dk_depth_block(depth);
  const size_t panels = dk_panels(columns);
  const unsigned char *source = in;
  // Few enough channels at a time that their part of the panel stays in the first-level cache.
  const size_t group = taps > 1 ? 16 : 64;
  for (size_t row = first_row; row < first_row + rows;) {
    const size_t panel = row / DK_PANEL;
    const size_t from = row % DK_PANEL;
    const size_t left = first_row + rows - row;
    const size_t to = DK_PANEL - from < left ? DK_PANEL : from + left;
    for (size_t first = 0; first < channels; first += group) {
      const size_t last = first + group < channels ? first + group : channels;
      if (element_bytes == 2)
        pack_16(source, from, to, depth, channels, taps, first, last, packed, block, panels, panel);
      else
        pack_32(source, from, to, depth, channels, taps, first, last, packed, block, panels, panel);
    }
    if (row + (to - from) == columns && to < DK_PANEL) {
      for (size_t k = 0; k < depth; k++) {
        const size_t start = k / block * block;
        const size_t length = depth - start < block ? depth - start : block;
        const size_t line = (start * panels + panel * length + k - start) * DK_PANEL;
        memset(
            (unsigned char *)packed + (line + to) * element_bytes, 0,
            (DK_PANEL - to) * element_bytes);
      }
    }
    source += (to - from) * depth * element_bytes;
    row += to - from;
  }
}

/// Copies `depth` elements from `first` on of the rows into lines at a distance of `stride`.
static void gather_lines(
    const dk_rows *rows, size_t first_row, size_t count, size_t first, size_t depth, float *out,
    size_t stride) {
  for (size_t r = 0; r < count; r++)
    memcpy(
        out + r * stride, rows->data + (first_row + r) * rows->stride + first,
        depth * sizeof(float));
}

/// The same of patches, whose elements are ordered (ky, kx, channel).
static void gather_patches(
    const dk_rows *rows, size_t first_row, size_t count, size_t first, size_t depth, int zero,
    float *out, size_t stride) {
  const size_t channels = rows->channels;
  const size_t stored_height = (rows->height + rows->enlarged) >> rows->enlarged;
  const size_t stored_width = (rows->width + rows->enlarged) >> rows->enlarged;
  for (size_t r = 0; r < count; r++, out += stride) {
    const size_t row = first_row + r;
    const size_t x = row % rows->out_width;
    const size_t y = row / rows->out_width % rows->out_height;
    const size_t item = row / (rows->out_width * rows->out_height);
    const float *map = rows->data + item * stored_height * stored_width * channels;
    size_t tap = first / channels;
    size_t channel = first % channels;
    for (size_t done = 0; done < depth; tap++, channel = 0) {
      size_t length = channels - channel;
      if (length > depth - done) length = depth - done;
      // Wraps round below zero, and is then not inside either.
      const size_t from_y = y * rows->step + tap / rows->kernel - rows->padding;
      const size_t from_x = x * rows->step + tap % rows->kernel - rows->padding;
      if (from_y < rows->height && from_x < rows->width) {
        const size_t pixel =
            (from_y >> rows->enlarged) * stored_width + (from_x >> rows->enlarged);
        memcpy(out + done, map + pixel * channels + channel, length * sizeof(float));
      } else {
        memset(out + done, zero, length * sizeof(float));
      }
      done += length;
    }
  }
}

/// `zero`: a byte of what lies outside a map.
static void gather(
    const dk_rows *rows, size_t first_row, size_t count, size_t first, size_t depth, int zero,
    float *out, size_t stride) {
  if (rows->kernel == 0)
    gather_lines(rows, first_row, count, first, depth, out, stride);
  else
    gather_patches(rows, first_row, count, first, depth, zero, out, stride);
}

/// Asks for part `part` of `parts` of what `gather` will read of rows in memory.
static void fetch_lines(
    const dk_rows *rows, size_t first_row, size_t count, size_t first, size_t depth, size_t part,
    size_t parts) {
  const size_t lines = (depth + 15) / 16;
  for (size_t i = count * lines * part / parts; i < count * lines * (part + 1) / parts; i++)
    __builtin_prefetch(
        rows->data + (first_row + i / lines) * rows->stride + first + i % lines * 16, 0, 2);
}

void dk_product_rows(
    const dk_product *product, size_t first_row, size_t rows, size_t first, size_t depth,
    float *out) {
  gather(&product->rows, first_row, rows, first, depth, 0, out, depth);
}

void dk_product_weights(
    const dk_product *product, size_t first, size_t first_panel, size_t panels, float *out) {
  const dk_kernels *kernels = dk_kernels_for(product->instructions);
  const size_t block = dk_depth_block(product->depth);
  const size_t length = product->depth - first < block ? product->depth - first : block;
  for (size_t p = 0; p < panels; p++) {
    const size_t offset =
        (first * dk_panels(product->columns) + (first_panel + p) * length) * DK_PANEL;
    for (size_t k = 0; k < length; k++) {
      const size_t from = offset + k * DK_PANEL;
      float *line = out + (k * panels + p) * DK_PANEL;
      switch (product->element) {
      case dk_element_float32:
      case dk_element_pairs:
      case dk_element_quads:
        memcpy(line, (const float *)product->weight + from, DK_PANEL * sizeof(float));
        break;
      case dk_element_float16:
        kernels->widen_float16((const uint16_t *)product->weight + from, line, DK_PANEL);
        break;
      case dk_element_bfloat16:
        kernels->widen_bfloat16((const uint16_t *)product->weight + from, line, DK_PANEL);
        break;
      }
    }
  }
}

/// A tile of which only the first `columns` columns are there.
static void narrow_tile(
    dk_tile_function *multiply, dk_tile tile, size_t rows, size_t columns) {
  __attribute__((aligned(64))) float whole[DK_TILE_ROWS * DK_PANEL];
  dk_tile wide = {
      .left = tile.left,
      .left_stride = tile.left_stride,
      .right = tile.right,
      .depth = tile.depth,
      .offset = tile.offset,
      .row_scale = tile.row_scale,
      .column_scale = tile.column_scale,
      .out = whole,
      .out_stride = DK_PANEL,
  };
  multiply(&wide, rows);
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < columns; c++) {
      float value = whole[r * DK_PANEL + c];
      if (tile.bias) value += tile.bias[c];
      if (tile.add) value += tile.add[r * tile.add_stride + c];
      tile.out[r * tile.out_stride + c] = value;
    }
}

/// Panels that are widened at once, over all instruction sets.
#define DK_WIDENED_PANELS 16

size_t dk_product_scratch(void) {
  return DK_TILE_ROWS * DK_TILE_STRIDE + DK_WIDENED_PANELS * DK_PANEL * DK_DEPTH;
}

void dk_product_slice(
    const dk_product *product, size_t first_row, size_t rows, size_t first_panel, size_t panels,
    float *scratch) {
  const dk_kernels *kernels = dk_kernels_for(product->instructions);
  const size_t depth = product->depth;
  const size_t block = dk_depth_block(depth);
  const size_t all_panels = dk_panels(product->columns);
  const size_t tiles = (rows + kernels->tile_rows - 1) / kernels->tile_rows;
  const int quads = product->element == dk_element_quads;
  dk_tile_function *multiply = quads                                  ? kernels->tile_quads
                               : product->element == dk_element_pairs ? kernels->tile_pairs
                                                                      : kernels->tile;
  const float *scales = quads ? dk_column_scales(product->weight, product->columns, depth) : NULL;
  const size_t rows_a_scale =
      product->rows.kernel == 0 ? 1 : product->rows.out_height * product->rows.out_width;
  float *left = scratch;
  float *widened = scratch + DK_TILE_ROWS * DK_TILE_STRIDE;
  const size_t group = kernels->block_panels;
  for (size_t p = first_panel; p < first_panel + panels; p += group) {
    const size_t some = first_panel + panels - p < group ? first_panel + panels - p : group;
    for (size_t start = 0; start < depth; start += block) {
      const size_t length = depth - start < block ? depth - start : block;
      const size_t offset = (start * all_panels + p * length) * DK_PANEL;
      const float *right = widened;
      const dk_word *offsets =
          quads ? column_offsets(product->weight, product->columns, depth, start) : NULL;
      switch (product->element) {
      case dk_element_float32:
      case dk_element_pairs:
      case dk_element_quads: right = (const float *)product->weight + offset; break;
      case dk_element_float16:
        kernels->widen_float16(
            (const uint16_t *)product->weight + offset, widened, some * length * DK_PANEL);
        break;
      case dk_element_bfloat16:
        kernels->widen_bfloat16(
            (const uint16_t *)product->weight + offset, widened, some * length * DK_PANEL);
        break;
      }
      for (size_t t = 0; t < tiles; t++) {
        const size_t row = first_row + rows * t / tiles;
        const size_t count = first_row + rows * (t + 1) / tiles - row;
        gather(&product->rows, row, count, start, length, quads ? 0x80 : 0, left, DK_TILE_STRIDE);
        float row_scale[DK_TILE_ROWS];
        for (size_t r = 0; quads && r < count; r++)
          row_scale[r] = product->scale[(row + r) / rows_a_scale];
        const size_t next = first_row + rows * (t + 2) / tiles - (row + count);
        for (size_t q = 0; q < some; q++) {
          if (t + 1 < tiles && product->rows.kernel == 0)
            fetch_lines(&product->rows, row + count, next, start, length, q, some);
          const size_t column = (p + q) * DK_PANEL;
          const size_t room = product->columns - column;
          dk_tile tile = {
              .left = left,
              .left_stride = DK_TILE_STRIDE,
              .right = right + q * length * DK_PANEL,
              .depth = length,
              .out = product->out + row * product->out_stride + column,
              .out_stride = product->out_stride,
          };
          if (quads) {
            tile.offset = (const float *)offsets + column;
            tile.row_scale = row_scale;
            tile.column_scale = scales + column;
          }
          if (start > 0) {
            tile.add = tile.out;
            tile.add_stride = product->out_stride;
          } else {
            if (product->bias) tile.bias = product->bias + column;
            if (product->residual) {
              tile.add = product->residual + row * product->residual_stride + column;
              tile.add_stride = product->residual_stride;
            }
          }
          if (room >= DK_PANEL)
            multiply(&tile, count);
          else
            narrow_tile(multiply, tile, count, room);
        }
      }
    }
  }
}
