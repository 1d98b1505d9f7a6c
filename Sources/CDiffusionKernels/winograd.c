#include <string.h>

#include "CDiffusionKernels.h"
#include "product.h"
#include "tile.h"

// Transformed input: [depth block][point][tile][DK_SHORT_STRIDE], a depth block being channels; of integers,
// words of two channels, and after all of it the scales [depth block][point][tile].
// Transformed weights: [depth block][panel][pair of rows of points][point][channel][32], a point's
// at a stride of point_stride floats; of integers, words of two channels and then the columns' scales.

/// Tiles side by side in a strip: two lines of them are a full tile of a product.
enum { strip_tiles = 7 };
/// Floats of a map that are normalised at a time: a part of the second-level cache.
enum { strip_floats = 3 << 15 };
/// Floats of a map that is larger than caches.
enum { streamed_floats = 1 << 22 };

/// Channels of all depth blocks but the last. Integers are paired within 32 channels.
static size_t depth_block(size_t channels, int integers) {
  const size_t longest = integers ? 2 * DK_SHORT_DEPTH : DK_SHORT_DEPTH;
  const size_t grain = integers ? 32 : 16;
  const size_t blocks = (channels + longest - 1) / longest;
  return ((channels + blocks - 1) / blocks + grain - 1) / grain * grain;
}

static size_t depth_blocks(size_t channels, int integers) {
  const size_t block = depth_block(channels, integers);
  return (channels + block - 1) / block;
}

/// Floats or words that some channels take.
static size_t words_of(size_t channels, int integers) {
  return integers ? (channels + 31) / 32 * 16 : channels;
}

size_t dk_winograd_tiles(const dk_product *product, size_t size, size_t batch) {
  const size_t down = (product->rows.out_height + size - 1) / size;
  const size_t across = (product->rows.out_width + size - 1) / size;
  return batch * down * across;
}

/// Of the transformed input, without its scales.
static size_t input_words(size_t channels, size_t size, size_t tiles, int integers) {
  return depth_blocks(channels, integers) * (size + 2) * (size + 2) * tiles * DK_SHORT_STRIDE;
}

size_t dk_winograd_input_count(size_t channels, size_t size, size_t tiles, int integers) {
  const size_t scales =
      integers ? depth_blocks(channels, integers) * (size + 2) * (size + 2) * tiles : 0;
  return input_words(channels, size, tiles, integers) + (scales + 15) / 16 * 16;
}

size_t dk_winograd_input_scratch(void) { return 36 * DK_TILE_STRIDE + strip_floats; }

/// Floats from a point's transformed weights of a panel to the next point's: an odd number of cache
/// lines, so that the points, written side by side, do not meet in one set.
static size_t point_stride(size_t depth, int integers) {
  return words_of(depth, integers) * DK_PANEL + (integers ? 3 : 1) * 16;
}

size_t dk_winograd_weight_count(size_t channels, size_t columns, size_t size, int integers) {
  return depth_blocks(channels, integers) * dk_panels(columns) * (size + 2) * (size + 2) *
         point_stride(depth_block(channels, integers), integers);
}

/// Floats of two rows of points of a panel's weights before they become integers.
static size_t raw_count(size_t channels, size_t size, int integers) {
  return integers ? 2 * (size + 2) * point_stride(depth_block(channels, integers), 0) : 0;
}

size_t dk_winograd_weight_scratch(size_t channels, size_t size, int integers) {
  return raw_count(channels, size, integers);
}

size_t dk_winograd_scratch(size_t channels, size_t size, size_t tiles, int integers) {
  const size_t weights = 2 * (size + 2) * point_stride(depth_block(channels, integers), integers);
  const size_t products = (size + 2) * (size + 2) * tiles * DK_PANEL;
  return weights + products + raw_count(channels, size, integers);
}

/// Where a tile lies. Tiles are counted over [item][strip][line][tile of the strip's line]; a strip goes
/// down all of the map.
typedef struct {
  size_t item;
  /// Pixels of the output.
  size_t y, x;
  /// Tiles of the strip's lines, all of its tiles, and the place among them.
  size_t width, count, index;
} tile_place;

static tile_place place_of(const dk_rows *map, size_t size, size_t tile) {
  const size_t across = (map->out_width + size - 1) / size;
  const size_t down = (map->out_height + size - 1) / size;
  const size_t rest = tile % (across * down);
  const size_t strip = rest / (strip_tiles * down);
  const size_t left = across - strip * strip_tiles;
  const size_t width = left < strip_tiles ? left : strip_tiles;
  const size_t index = rest - strip * strip_tiles * down;
  return (tile_place){
      .item = tile / (across * down),
      .y = index / width * size,
      .x = (strip * strip_tiles + index % width) * size,
      .width = width,
      .count = width * down,
      .index = index,
  };
}

/// 1 where the third row and the third column of points are 0: two and two of a tile's pixels are one pixel
/// repeated.
static int is_repeated(const dk_rows *map) {
  return map->enlarged && map->padding == 1 && map->height % 2 == 0 && map->width % 2 == 0;
}

/// SiLU(x · scale + shift) of `rows` x `columns` pixels of a map from `top`, `left` on, as far as they
/// are inside, and of them the channels `start ..< start + length`.
static void normalize(
    const dk_rows *map, size_t item, size_t top, size_t left, size_t rows, size_t columns,
    size_t start, size_t length, float *out) {
  const float *scale = map->norm + item * 2 * map->channels + start;
  const float *shift = scale + map->channels;
  const float *in = map->data + item * map->height * map->width * map->channels + start;
  // Above or left of the map it wraps round.
  const size_t from = left < map->width ? 0 : 0 - left;
  const size_t to = map->width - left < columns ? map->width - left : columns;
  for (size_t r = 0; r < rows; r++) {
    if (top + r >= map->height) continue;
    const float *line = in + ((top + r) * map->width + left + from) * map->channels;
    float *target = out + (r * columns + from) * length;
    if (length == map->channels) {
      dk_scale_shift_silu(line, target, to - from, length, scale, shift);
      continue;
    }
    for (size_t c = from; c < to; c++, line += map->channels, target += length)
      dk_scale_shift_silu(line, target, 1, length, scale, shift);
  }
}

/// Whether a result is larger than what stays in a last-level cache until it is read again; then its lines
/// are not fetched before they are written. They must be whole ones.
static int is_streamed(const dk_product *product) {
  const size_t pixels = product->rows.out_height * product->rows.out_width;
  return pixels * product->out_stride >= streamed_floats && product->out_stride % 16 == 0 &&
         (uintptr_t)product->out % 64 == 0 && product->residual != product->out;
}

void dk_winograd_input(
    const dk_product *product, size_t size, size_t block, size_t tiles, size_t first, size_t count,
    float *transformed, float *scratch) {
  static const float zeros[DK_PANEL];
  const dk_kernels *kernels = dk_kernels_for(product->instructions);
  const dk_rows *map = &product->rows;
  const int integers = product->integers;
  const int repeated = is_repeated(map);
  const size_t side = size + 2;
  const size_t points = side * side;
  const size_t stored_height = (map->height + map->enlarged) >> map->enlarged;
  const size_t stored_width = (map->width + map->enlarged) >> map->enlarged;
  const size_t depth = depth_block(map->channels, integers);
  float *scales = transformed + input_words(map->channels, size, tiles, integers);
  float *whole = scratch;
  float *strip = scratch + 36 * DK_TILE_STRIDE;
  for (size_t done = 0; done < count;) {
    const tile_place begin = place_of(map, size, block + first + done);
    size_t run = 1;
    const size_t columns = begin.width * size + 2;
    const size_t top = begin.y - map->padding;
    const size_t left = (begin.x - begin.index % begin.width * size) - map->padding;
    if (map->norm) {
      // As many tiles of the strip as the scratch memory has room for.
      const size_t lines = (strip_floats / (columns * depth) - 2) / size;
      run = (begin.index / begin.width + lines) * begin.width;
      run = (run < begin.count ? run : begin.count) - begin.index;
      if (run > count - done) run = count - done;
    }
    const float *pixels[36];
    size_t moves[36];
    for (size_t start = 0; start < map->channels; start += depth) {
      const size_t length = map->channels - start < depth ? map->channels - start : depth;
      const size_t part = start / depth * points * tiles;
      if (map->norm) {
        const size_t lines = (begin.index + run - 1) / begin.width - begin.index / begin.width + 1;
        normalize(
            map, begin.item, top, left, lines * size + 2, columns, start, length, strip);
      }
      for (size_t t = done; t < done + run; t++) {
        if (map->norm || start == 0) {
          const tile_place place = place_of(map, size, block + first + t);
          for (size_t i = 0; i < points; i++) {
            // Wraps round above or left of the map, and is then not inside either.
            const size_t y = place.y - map->padding + i / side;
            const size_t x = place.x - map->padding + i % side;
            const int inside = y < map->height && x < map->width;
            const size_t pixel = ((place.item * stored_height + (y >> map->enlarged)) * stored_width +
                                  (x >> map->enlarged)) * map->channels;
            moves[i] = inside ? SIZE_MAX : 0;
            if (!inside)
              pixels[i] = zeros;
            else if (map->norm)
              pixels[i] = strip + ((y - top) * columns + x - left) * length;
            else
              pixels[i] = map->data + pixel;
          }
        }
        const size_t to = part + first + t;
        if (integers)
          kernels->winograd_integers(
              pixels, moves, length, whole, transformed + to * DK_SHORT_STRIDE,
              tiles * DK_SHORT_STRIDE, scales + to, tiles, size, repeated);
        else
          kernels->winograd_input(
              pixels, moves, length, transformed + to * DK_SHORT_STRIDE, tiles * DK_SHORT_STRIDE,
              size, repeated);
        if (!map->norm)
          for (size_t i = 0; i < points; i++) pixels[i] += length & moves[i];
      }
    }
    done += run;
  }
}

/// Two rows of transformed weights for the input channels `first ..< first + depth` of a panel.
static void transform_weights(
    const dk_product *product, const dk_kernels *kernels, size_t size, size_t panel, size_t pair,
    size_t first, size_t depth, size_t stride, float *out) {
  const size_t length = product->element == dk_element_quads ? 4 : 1;
  const size_t words = (product->rows.channels + length - 1) / length;
  const size_t all = 9 * words;
  const size_t block = dk_depth_block(all);
  const size_t panels = dk_panels(product->columns);
  const size_t bytes =
      product->element == dk_element_float32 || product->element == dk_element_quads ? 4 : 2;
  const size_t some = (depth + length - 1) / length;
  for (size_t done = 0; done < some;) {
    // As far as none of the nine taps leaves its depth block.
    size_t run = some - done;
    const unsigned char *taps[9];
    for (size_t tap = 0; tap < 9; tap++) {
      const size_t k = tap * words + first / length + done;
      const size_t start = k / block * block;
      const size_t left = all - start < block ? all - start : block;
      const size_t line = start * panels + panel * left + k - start;
      taps[tap] = (const unsigned char *)product->weight + line * DK_PANEL * bytes;
      if (start + left - k < run) run = start + left - k;
    }
    kernels->winograd_weights(
        taps, product->element, run, pair, out + done * length * DK_PANEL, stride, size);
    done += run;
  }
}

/// The same as the product takes them.
static void make_weights(
    const dk_product *product, const dk_kernels *kernels, size_t size, size_t panel, size_t pair,
    size_t first, size_t depth, size_t stride, float *out, float *raw) {
  if (!product->integers) {
    transform_weights(product, kernels, size, panel, pair, first, depth, stride, out);
    return;
  }
  const size_t raw_stride = point_stride(depth_block(product->rows.channels, 1), 0);
  transform_weights(product, kernels, size, panel, pair, first, depth, raw_stride, raw);
  const float *columns = NULL;
  if (product->element == dk_element_quads)
    columns = dk_column_scales(
                  product->weight, product->columns, 9 * ((product->rows.channels + 3) / 4)) +
              panel * DK_PANEL;
  for (size_t i = 0; i < 2 * (size + 2); i++) {
    float *scale = out + i * stride + words_of(depth, 1) * DK_PANEL;
    kernels->round_lines(raw + i * raw_stride, depth, out + i * stride, scale);
    for (size_t c = 0; columns && c < DK_PANEL; c++) scale[c] *= columns[c];
  }
}

void dk_winograd_weights(
    const dk_product *product, size_t size, size_t first_panel, size_t panels, float *weights,
    float *scratch) {
  const dk_kernels *kernels = dk_kernels_for(product->instructions);
  const size_t channels = product->rows.channels;
  const size_t depth = depth_block(channels, product->integers);
  const size_t stride = point_stride(depth, product->integers);
  const size_t side = size + 2;
  for (size_t start = 0; start < channels; start += depth) {
    const size_t length = channels - start < depth ? channels - start : depth;
    for (size_t p = first_panel; p < first_panel + panels; p++)
      for (size_t pair = 0; pair < side / 2; pair++)
        make_weights(
            product, kernels, size, p, pair, start, length, stride,
            weights + ((start / depth * dk_panels(product->columns) + p) * side + 2 * pair) * side *
                          stride,
            scratch);
  }
}

void dk_winograd_slice(
    const dk_product *product, size_t size, size_t block, size_t tiles, size_t first, size_t count,
    const float *transformed, const float *ready, size_t first_panel, size_t panels,
    float *scratch) {
  const dk_kernels *kernels = dk_kernels_for(product->instructions);
  const dk_rows *map = &product->rows;
  const int integers = product->integers;
  const int repeated = is_repeated(map);
  const int streamed = is_streamed(product);
  dk_tile_function *multiply = integers ? kernels->tile_halves : kernels->tile;
  const size_t side = size + 2;
  const size_t points = side * side;
  const size_t channels = map->channels;
  const size_t depth = depth_block(channels, integers);
  const size_t stride = point_stride(depth, integers);
  const size_t rows = (count + kernels->tile_rows - 1) / kernels->tile_rows;
  const float *scales = transformed + input_words(channels, size, tiles, integers);
  float *products = scratch + 2 * side * stride;
  float *raw = products + points * count * DK_PANEL;
  for (size_t p = first_panel; p < first_panel + panels; p++) {
    for (size_t start = 0; start < channels; start += depth) {
      const size_t length = channels - start < depth ? channels - start : depth;
      const size_t words = words_of(length, integers);
      const size_t part = start / depth * points * tiles + first;
      for (size_t pair = 0; pair < side / 2; pair++) {
        const float *weights = scratch;
        if (ready) {
          const size_t panel = start / depth * dk_panels(product->columns) + p;
          weights = ready + (panel * side + 2 * pair) * side * stride;
        } else {
          make_weights(product, kernels, size, p, pair, start, length, stride, scratch, raw);
        }
        for (size_t i = 0; i < 2 * side; i++) {
          // Pair 0 is the first row of points and the last, pair n the rows 2n - 1 and 2n.
          const size_t row = pair == 0 ? (i < side ? 0 : side - 1) : 2 * pair - 1 + i / side;
          if (repeated && (row == 2 || i % side == 2)) continue;
          const size_t point = row * side + i % side;
          const float *left = transformed + (part + point * tiles) * DK_SHORT_STRIDE;
          for (size_t r = 0; r < rows; r++) {
            const size_t from = count * r / rows;
            const size_t to = count * (r + 1) / rows;
            dk_tile tile = {
                .left = left + from * DK_SHORT_STRIDE,
                .next = left + to * DK_SHORT_STRIDE,
                .left_stride = DK_SHORT_STRIDE,
                .right = weights + i * stride,
                .depth = words,
                .out = products + (point * count + from) * DK_PANEL,
                .out_stride = DK_PANEL,
            };
            if (integers) {
              tile.row_scale = scales + part + point * tiles + from;
              tile.column_scale = weights + i * stride + words * DK_PANEL;
            }
            if (start > 0) {
              tile.add = tile.out;
              tile.add_stride = DK_PANEL;
            }
            multiply(&tile, to - from);
          }
        }
      }
    }
    const size_t column = p * DK_PANEL;
    const size_t columns = product->columns - column < DK_PANEL ? product->columns - column : DK_PANEL;
    for (size_t t = 0; t < count; t++) {
      const tile_place place = place_of(map, size, block + first + t);
      const size_t y = place.y, x = place.x;
      const size_t pixel = (place.item * map->out_height + y) * map->out_width + x;
      dk_winograd_output to = {
          .out = product->out + pixel * product->out_stride + column,
          .out_stride = product->out_stride,
          .line = map->out_width,
          .rows = map->out_height - y < size ? map->out_height - y : size,
          .columns = map->out_width - x < size ? map->out_width - x : size,
          .bias = product->bias ? product->bias + column : NULL,
          .rectified = product->rectified,
          .repeated = repeated,
          .streamed = streamed,
      };
      if (product->residual) {
        to.residual = product->residual + pixel * product->residual_stride + column;
        to.residual_stride = product->residual_stride;
      }
      kernels->winograd_output(products + t * DK_PANEL, count * DK_PANEL, &to, columns, size);
    }
  }
#if defined(__x86_64__)
  // Stores past the caches are ordered by this alone.
  if (streamed) __builtin_ia32_sfence();
#endif
}
