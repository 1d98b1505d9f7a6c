#include <string.h>

#include "product.h"
#include "tile.h"

// Transformed input: [depth block][point][tile][DK_SHORT_STRIDE], a depth block being channels.
// Transformed weights: [depth block][panel][pair of rows of points][point][channel][32], a point's
// at a stride of point_stride floats.

static size_t depth_block(size_t channels) {
  const size_t blocks = (channels + DK_SHORT_DEPTH - 1) / DK_SHORT_DEPTH;
  return ((channels + blocks - 1) / blocks + 15) / 16 * 16;
}

static size_t depth_blocks(size_t channels) {
  const size_t block = depth_block(channels);
  return (channels + block - 1) / block;
}

size_t dk_winograd_tiles(const dk_product *product, size_t size, size_t batch) {
  const size_t down = (product->rows.out_height + size - 1) / size;
  const size_t across = (product->rows.out_width + size - 1) / size;
  return batch * down * across;
}

size_t dk_winograd_input_count(size_t channels, size_t size, size_t tiles) {
  return depth_blocks(channels) * (size + 2) * (size + 2) * tiles * DK_SHORT_STRIDE;
}

/// Floats from a point's transformed weights of a panel to the next point's: an odd number of cache
/// lines, so that the points, written side by side, do not meet in one set.
static size_t point_stride(size_t depth) { return depth * DK_PANEL + 16; }

size_t dk_winograd_weight_count(size_t channels, size_t columns, size_t size) {
  return depth_blocks(channels) * dk_panels(columns) * (size + 2) * (size + 2) *
         point_stride(depth_block(channels));
}

size_t dk_winograd_scratch(size_t channels, size_t size, size_t tiles) {
  const size_t weights = 2 * (size + 2) * point_stride(depth_block(channels));
  const size_t products = (size + 2) * (size + 2) * tiles * DK_PANEL;
  return weights + products;
}

void dk_winograd_input(
    const dk_product *product, size_t size, size_t block, size_t tiles, size_t first, size_t count,
    float *transformed) {
  static const float zeros[DK_PANEL];
  const dk_kernels *kernels = dk_kernels_for(product->instructions);
  const dk_rows *map = &product->rows;
  const size_t side = size + 2;
  const size_t across = (map->out_width + size - 1) / size;
  const size_t down = (map->out_height + size - 1) / size;
  const size_t stored_height = (map->height + map->enlarged) >> map->enlarged;
  const size_t stored_width = (map->width + map->enlarged) >> map->enlarged;
  const size_t depth = depth_block(map->channels);
  for (size_t t = first; t < first + count; t++) {
    const size_t tile = block + t;
    const size_t left = tile % across * size - map->padding;
    const size_t top = tile / across % down * size - map->padding;
    const float *item =
        map->data + tile / across / down * stored_height * stored_width * map->channels;
    const float *pixels[36];
    size_t moves[36];
    for (size_t i = 0; i < side * side; i++) {
      // Wraps round above or left of the map, and is then not inside either.
      const size_t y = top + i / side;
      const size_t x = left + i % side;
      const int inside = y < map->height && x < map->width;
      const size_t pixel = (y >> map->enlarged) * stored_width + (x >> map->enlarged);
      pixels[i] = inside ? item + pixel * map->channels : zeros;
      moves[i] = inside ? SIZE_MAX : 0;
    }
    for (size_t start = 0; start < map->channels; start += depth) {
      const size_t length = map->channels - start < depth ? map->channels - start : depth;
      const size_t part = start / depth * side * side * tiles;
      kernels->winograd_input(
          pixels, moves, length, transformed + (part + t) * DK_SHORT_STRIDE, tiles * DK_SHORT_STRIDE,
          size);
      for (size_t i = 0; i < side * side; i++) pixels[i] += length & moves[i];
    }
  }
}

/// Two rows of transformed weights for the input channels `first ..< first + depth` of a panel.
static void transform_weights(
    const dk_product *product, const dk_kernels *kernels, size_t size, size_t panel, size_t pair,
    size_t first, size_t depth, size_t stride, float *out) {
  const size_t channels = product->rows.channels;
  const size_t all = 9 * channels;
  const size_t block = dk_depth_block(all);
  const size_t panels = dk_panels(product->columns);
  const size_t bytes = product->element == dk_element_float32 ? 4 : 2;
  for (size_t done = 0; done < depth;) {
    // As far as none of the nine taps leaves its depth block.
    size_t run = depth - done;
    const unsigned char *taps[9];
    for (size_t tap = 0; tap < 9; tap++) {
      const size_t k = tap * channels + first + done;
      const size_t start = k / block * block;
      const size_t length = all - start < block ? all - start : block;
      const size_t line = start * panels + panel * length + k - start;
      taps[tap] = (const unsigned char *)product->weight + line * DK_PANEL * bytes;
      if (start + length - k < run) run = start + length - k;
    }
    kernels->winograd_weights(
        taps, product->element, run, pair, out + done * DK_PANEL, stride, size);
    done += run;
  }
}

void dk_winograd_weights(
    const dk_product *product, size_t size, size_t first_panel, size_t panels, float *weights) {
  const dk_kernels *kernels = dk_kernels_for(product->instructions);
  const size_t channels = product->rows.channels;
  const size_t depth = depth_block(channels);
  const size_t stride = point_stride(depth);
  const size_t side = size + 2;
  for (size_t start = 0; start < channels; start += depth) {
    const size_t length = channels - start < depth ? channels - start : depth;
    for (size_t p = first_panel; p < first_panel + panels; p++)
      for (size_t pair = 0; pair < side / 2; pair++)
        transform_weights(
            product, kernels, size, p, pair, start, length, stride,
            weights + ((start / depth * dk_panels(product->columns) + p) * side + 2 * pair) * side *
                          stride);
  }
}

void dk_winograd_slice(
    const dk_product *product, size_t size, size_t block, size_t tiles, size_t first, size_t count,
    const float *transformed, const float *ready, size_t first_panel, size_t panels,
    float *scratch) {
  const dk_kernels *kernels = dk_kernels_for(product->instructions);
  const dk_rows *map = &product->rows;
  const size_t side = size + 2;
  const size_t across = (map->out_width + size - 1) / size;
  const size_t down = (map->out_height + size - 1) / size;
  const size_t channels = map->channels;
  const size_t depth = depth_block(channels);
  const size_t stride = point_stride(depth);
  const size_t rows = (count + kernels->tile_rows - 1) / kernels->tile_rows;
  float *products = scratch + 2 * side * stride;
  for (size_t p = first_panel; p < first_panel + panels; p++) {
    for (size_t start = 0; start < channels; start += depth) {
      const size_t length = channels - start < depth ? channels - start : depth;
      const float *left =
          transformed + (start / depth * side * side * tiles + first) * DK_SHORT_STRIDE;
      for (size_t pair = 0; pair < side / 2; pair++) {
        const float *weights = scratch;
        if (ready) {
          const size_t panel = start / depth * dk_panels(product->columns) + p;
          weights = ready + (panel * side + 2 * pair) * side * stride;
        } else {
          transform_weights(product, kernels, size, p, pair, start, length, stride, scratch);
        }
        for (size_t i = 0; i < 2 * side; i++) {
          // Pair 0 is the first row of points and the last, pair n the rows 2n - 1 and 2n.
          const size_t row = pair == 0 ? (i < side ? 0 : side - 1) : 2 * pair - 1 + i / side;
          const size_t point = row * side + i % side;
          for (size_t r = 0; r < rows; r++) {
            const size_t from = count * r / rows;
            const size_t to = count * (r + 1) / rows;
            dk_tile tile = {
                .left = left + (point * tiles + from) * DK_SHORT_STRIDE,
                .next = left + (point * tiles + to) * DK_SHORT_STRIDE,
                .left_stride = DK_SHORT_STRIDE,
                .right = weights + i * stride,
                .depth = length,
                .out = products + (point * count + from) * DK_PANEL,
                .out_stride = DK_PANEL,
            };
            if (start > 0) {
              tile.add = tile.out;
              tile.add_stride = DK_PANEL;
            }
            kernels->tile(&tile, to - from);
          }
        }
      }
    }
    const size_t column = p * DK_PANEL;
    const size_t columns = product->columns - column < DK_PANEL ? product->columns - column : DK_PANEL;
    for (size_t t = 0; t < count; t++) {
      const size_t tile = block + first + t;
      const size_t x = tile % across * size;
      const size_t y = tile / across % down * size;
      const size_t pixel = (tile / across / down * map->out_height + y) * map->out_width + x;
      dk_winograd_output to = {
          .out = product->out + pixel * product->out_stride + column,
          .out_stride = product->out_stride,
          .line = map->out_width,
          .rows = map->out_height - y < size ? map->out_height - y : size,
          .columns = map->out_width - x < size ? map->out_width - x : size,
          .bias = product->bias ? product->bias + column : NULL,
          .rectified = product->rectified,
      };
      if (product->residual) {
        to.residual = product->residual + pixel * product->residual_stride + column;
        to.residual_stride = product->residual_stride;
      }
      kernels->winograd_output(products + t * DK_PANEL, count * DK_PANEL, &to, columns, size);
    }
  }
}
