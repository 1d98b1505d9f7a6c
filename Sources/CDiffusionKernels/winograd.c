#include <string.h>

#include "product.h"
#include "tile.h"

// Transformed input: [depth block][point][tile][DK_TILE_STRIDE].

size_t dk_winograd_tiles(const dk_product *product, size_t size, size_t batch) {
  const size_t down = (product->rows.out_height + size - 1) / size;
  const size_t across = (product->rows.out_width + size - 1) / size;
  return batch * down * across;
}

static size_t depth_blocks(size_t channels) {
  const size_t block = dk_depth_block(channels);
  return (channels + block - 1) / block;
}

size_t dk_winograd_input_count(size_t channels, size_t size, size_t tiles) {
  return depth_blocks(channels) * (size + 2) * (size + 2) * tiles * DK_TILE_STRIDE;
}

/// Panels whose transformed weights, two rows of points, stay in the second-level cache.
static size_t block_panels(size_t channels, size_t size) {
  const size_t floats = 2 * (size + 2) * dk_depth_block(channels) * DK_PANEL;
  const size_t room = (512 << 10) / sizeof(float);
  return room / floats < 1 ? 1 : room / floats > 4 ? 4 : room / floats;
}

size_t dk_winograd_scratch(size_t channels, size_t size, size_t tiles) {
  const size_t panels = block_panels(channels, size);
  const size_t weights = 2 * (size + 2) * dk_depth_block(channels) * DK_PANEL;
  const size_t products = (size + 2) * (size + 2) * tiles * DK_PANEL;
  return panels * (weights + products);
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
  const size_t depth = dk_depth_block(map->channels);
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
          pixels, moves, length, transformed + (part + t) * DK_TILE_STRIDE, tiles * DK_TILE_STRIDE,
          size);
      for (size_t i = 0; i < side * side; i++) pixels[i] += length & moves[i];
    }
  }
}

/// Two rows of transformed weights for the input channels `first ..< first + depth` of a panel.
static void transform_weights(
    const dk_product *product, const dk_kernels *kernels, size_t size, size_t panel, size_t pair,
    size_t first, size_t depth, float *out) {
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
        taps, product->element, run, pair, out + done * DK_PANEL, depth * DK_PANEL, size);
    done += run;
  }
}

void dk_winograd_slice(
    const dk_product *product, size_t size, size_t block, size_t tiles, size_t first, size_t count,
    const float *transformed, size_t first_panel, size_t panels, float *scratch) {
  const dk_kernels *kernels = dk_kernels_for(product->instructions);
  const dk_rows *map = &product->rows;
  const size_t side = size + 2;
  const size_t across = (map->out_width + size - 1) / size;
  const size_t down = (map->out_height + size - 1) / size;
  const size_t channels = map->channels;
  const size_t depth = dk_depth_block(channels);
  const size_t group = block_panels(channels, size);
  const size_t rows = (count + kernels->tile_rows - 1) / kernels->tile_rows;
  float *weights = scratch;
  float *products = scratch + group * 2 * side * depth * DK_PANEL;
  for (size_t p = first_panel; p < first_panel + panels; p += group) {
    const size_t some = first_panel + panels - p < group ? first_panel + panels - p : group;
    const size_t width = some * DK_PANEL;
    for (size_t start = 0; start < channels; start += depth) {
      const size_t length = channels - start < depth ? channels - start : depth;
      const float *left =
          transformed + (start / depth * side * side * tiles + first) * DK_TILE_STRIDE;
      for (size_t pair = 0; pair < side / 2; pair++) {
        for (size_t q = 0; q < some; q++)
          transform_weights(
              product, kernels, size, p + q, pair, start, length,
              weights + q * 2 * side * length * DK_PANEL);
        for (size_t i = 0; i < 2 * side; i++) {
          // Pair 0 is the first row of points and the last, pair n the rows 2n - 1 and 2n.
          const size_t row = pair == 0 ? (i < side ? 0 : side - 1) : 2 * pair - 1 + i / side;
          const size_t point = row * side + i % side;
          for (size_t r = 0; r < rows; r++) {
            const size_t from = count * r / rows;
            dk_tile tile = {
                .left = left + (point * tiles + from) * DK_TILE_STRIDE,
                .depth = length,
                .out_stride = width,
                .columns = DK_PANEL,
            };
            for (size_t q = 0; q < some; q++) {
              tile.right = weights + (q * 2 * side + i) * length * DK_PANEL;
              tile.out = products + (point * count + from) * width + q * DK_PANEL;
              if (start > 0) {
                tile.add = tile.out;
                tile.add_stride = width;
              }
              tile.next = left + (point * tiles + count * (r + 1) / rows) * DK_TILE_STRIDE;
              kernels->tile(&tile, count * (r + 1) / rows - from);
            }
          }
        }
      }
    }
    const size_t column = p * DK_PANEL;
    const size_t columns = product->columns - column < width ? product->columns - column : width;
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
      };
      if (product->residual) {
        to.residual = product->residual + pixel * product->residual_stride + column;
        to.residual_stride = product->residual_stride;
      }
      kernels->winograd_output(products + t * width, count * width, &to, columns, size);
    }
  }
}
