#include <math.h>
#include <string.h>

#include "attention.h"
#include "tile.h"

// Queries are worked on in groups of DK_PANEL, which lie side by side in the vectors' lanes: scores
// are [key][32], results [channel][32], so that maxima and sums need no look across a vector.
//
// Scratch: keys [depth block][key][DK_SHORT_STRIDE] | values [channel][DK_SHORT_STRIDE] | scores |
// a group after the other: queries [channel][32], result [channel][32], maximum, sum | correction.
// In bf16 keys, values, softened scores and queries are words of two neighbours of what is summed over.

enum { key_block = DK_SHORT_DEPTH };

/// Groups that pass over a block of keys while it is near: what they keep is about 2 MiB.
static size_t group_count(size_t depth) {
  const size_t fitting = (1 << 19) / (2 * depth * DK_PANEL);
  return fitting < 4 ? 4 : fitting > 128 ? 128 : fitting;
}

static size_t depth_blocks(size_t depth) { return (depth + DK_SHORT_DEPTH - 1) / DK_SHORT_DEPTH; }

static size_t group_floats(size_t depth) { return (2 * depth + 2) * DK_PANEL; }

size_t dk_attention_groups(size_t queries) { return (queries + DK_PANEL - 1) / DK_PANEL; }

size_t dk_attention_scratch(size_t depth) {
  return (depth_blocks(depth) * key_block + depth) * DK_SHORT_STRIDE + key_block * DK_PANEL +
         group_count(depth) * group_floats(depth) + DK_PANEL;
}

typedef float four __attribute__((vector_size(16)));
typedef float loose_four __attribute__((vector_size(16), aligned(4), may_alias));

/// out[c][r] = scale · in[r][c] for `rows` x `columns` elements.
static void transpose(
    const float *in, size_t in_stride, size_t rows, size_t columns, float scale, float *out,
    size_t out_stride) {
  size_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const float *from = in + r * in_stride;
    size_t c = 0;
    for (; c + 4 <= columns; c += 4) {
      const four a = *(const loose_four *)(from + c);
      const four b = *(const loose_four *)(from + in_stride + c);
      const four d = *(const loose_four *)(from + 2 * in_stride + c);
      const four e = *(const loose_four *)(from + 3 * in_stride + c);
      const four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
      const four de = __builtin_shufflevector(d, e, 0, 4, 1, 5);
      const four ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      const four de2 = __builtin_shufflevector(d, e, 2, 6, 3, 7);
      float *to = out + c * out_stride + r;
      *(loose_four *)to = scale * __builtin_shufflevector(ab, de, 0, 1, 4, 5);
      *(loose_four *)(to + out_stride) = scale * __builtin_shufflevector(ab, de, 2, 3, 6, 7);
      *(loose_four *)(to + 2 * out_stride) = scale * __builtin_shufflevector(ab2, de2, 0, 1, 4, 5);
      *(loose_four *)(to + 3 * out_stride) = scale * __builtin_shufflevector(ab2, de2, 2, 3, 6, 7);
    }
    for (; c < columns; c++)
      for (size_t i = 0; i < 4; i++) out[c * out_stride + r + i] = scale * from[i * in_stride + c];
  }
  for (; r < rows; r++)
    for (size_t c = 0; c < columns; c++) out[c * out_stride + r] = scale * in[r * in_stride + c];
}

/// Asks for `columns` floats of each of some rows, so that their turn does not wait for them.
static void fetch(const float *in, size_t stride, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < columns + 15; c += 16) __builtin_prefetch(in + r * stride + c, 0, 2);
}

/// out[rows x 32] = left · right + add, the rows in tiles of about equal size.
static void multiply(
    const dk_kernels *kernels, int pairs, const float *left, size_t rows, size_t depth,
    const float *right, float *out, int add) {
  const size_t tiles = (rows + kernels->tile_rows - 1) / kernels->tile_rows;
  for (size_t t = 0; t < tiles; t++) {
    const size_t row = rows * t / tiles;
    dk_tile tile = {
        .left = left + row * DK_SHORT_STRIDE,
        .left_stride = DK_SHORT_STRIDE,
        .right = right,
        .depth = depth,
        .out = out + row * DK_PANEL,
        .out_stride = DK_PANEL,
    };
    if (add) {
      tile.add = tile.out;
      tile.add_stride = DK_PANEL;
    }
    (pairs ? kernels->tile_pairs : kernels->tile)(&tile, rows * (t + 1) / tiles - row);
  }
}

/// Words `first ..< first + count` of a row of `length` numbers rounded to bf16; `out` may be the row
/// where `first` is 0.
static void round_row(
    const dk_kernels *kernels, const float *row, size_t length, size_t first, size_t count,
    float *out) {
  const size_t whole = first + count > length / 2 ? length / 2 - first : count;
  kernels->round_pairs(row + 2 * first, whole, out);
  if (whole == count) return;
  const uint32_t last = dk_bfloat16_bits(row[length - 1]);
  memcpy(out + whole, &last, sizeof last);
}

/// The groups `first ..< first + count` of one head of one item.
static void attend(
    const dk_attention *attention, const dk_kernels *kernels, size_t item, size_t head,
    size_t first, size_t count, float *scratch) {
  const size_t depth = attention->depth;
  const int pairs = attention->pairs;
  const size_t words = pairs ? (depth + 1) / 2 : depth;
  const size_t blocks = depth_blocks(words);
  const size_t each = group_floats(depth);
  float *keys = scratch;
  float *values = keys + blocks * key_block * DK_SHORT_STRIDE;
  float *scores = values + depth * DK_SHORT_STRIDE;
  float *groups = scores + key_block * DK_PANEL;
  float *correction = groups + group_count(depth) * each;
  // Scores in powers of two.
  const float scale = 1.44269504f / sqrtf((float)depth);
  const size_t first_query = item * attention->queries;
  for (size_t g = 0; g < count; g++) {
    float *queries = groups + g * each;
    const size_t query = (first + g) * DK_PANEL;
    const size_t left = attention->queries - query;
    const size_t there = left < DK_PANEL ? left : DK_PANEL;
    if (there < DK_PANEL) memset(queries, 0, depth * DK_PANEL * sizeof(float));
    if (g + 1 < count)
      fetch(
          attention->query + (first_query + query + DK_PANEL) * attention->query_stride +
              head * depth,
          attention->query_stride, left - DK_PANEL < DK_PANEL ? left - DK_PANEL : DK_PANEL, depth);
    transpose(
        attention->query + (first_query + query) * attention->query_stride + head * depth,
        attention->query_stride, there, depth, scale, queries, DK_PANEL);
    if (pairs) kernels->join_lines(queries, depth, queries);
    float *maximum = queries + 2 * depth * DK_PANEL;
    for (size_t lane = 0; lane < DK_PANEL; lane++) {
      maximum[lane] = -INFINITY;
      maximum[DK_PANEL + lane] = 0;
    }
  }
  const size_t steps = (attention->keys + key_block - 1) / key_block;
  for (size_t step = 0; step < steps; step++) {
    const size_t start = attention->keys * step / steps;
    const size_t some = attention->keys * (step + 1) / steps - start;
    // The first group, of these, that sees any of the keys.
    size_t seeing = 0;
    if (attention->causal && start / DK_PANEL > first) seeing = start / DK_PANEL - first;
    if (seeing >= count) break;
    const size_t row = item * attention->keys + start;
    for (size_t b = 0; b < blocks; b++) {
      const size_t word = words * b / blocks;
      const size_t length = words * (b + 1) / blocks - word;
      const float *from = attention->key + row * attention->key_stride + head * depth;
      float *to = keys + b * key_block * DK_SHORT_STRIDE;
      for (size_t k = 0; k < some; k++, from += attention->key_stride, to += DK_SHORT_STRIDE)
        if (pairs)
          round_row(kernels, from, depth, word, length, to);
        else
          memcpy(to, from + word, length * sizeof(float));
    }
    transpose(
        attention->value + row * attention->value_stride + head * depth, attention->value_stride,
        some, depth, 1, values, DK_SHORT_STRIDE);
    if (pairs)
      for (size_t c = 0; c < depth; c++)
        round_row(kernels, values + c * DK_SHORT_STRIDE, some, 0, (some + 1) / 2,
                  values + c * DK_SHORT_STRIDE);
    for (size_t g = seeing; g < count; g++) {
      // The next keys and values, a part beside each group.
      const size_t next = start + some + key_block * g / count;
      const size_t end = start + some + key_block * (g + 1) / count;
      if (next < attention->keys) {
        const size_t rows = (end < attention->keys ? end : attention->keys) - next;
        const size_t from = item * attention->keys + next;
        fetch(
            attention->key + from * attention->key_stride + head * depth, attention->key_stride,
            rows, depth);
        fetch(
            attention->value + from * attention->value_stride + head * depth,
            attention->value_stride, rows, depth);
      }
      float *queries = groups + g * each;
      float *result = queries + depth * DK_PANEL;
      float *maximum = result + depth * DK_PANEL;
      for (size_t b = 0; b < blocks; b++) {
        const size_t word = words * b / blocks;
        multiply(
            kernels, pairs, keys + b * key_block * DK_SHORT_STRIDE, some,
            words * (b + 1) / blocks - word, queries + word * DK_PANEL, scores, b > 0);
      }
      if (attention->causal)
        for (size_t k = 0; k < some; k++)
          for (size_t lane = 0; lane < DK_PANEL; lane++)
            if (start + k > (first + g) * DK_PANEL + lane) scores[k * DK_PANEL + lane] = -INFINITY;
      const int moved = (pairs ? kernels->soften_pairs : kernels->soften)(
          scores, some, maximum, maximum + DK_PANEL, correction);
      if (moved && step > 0) kernels->rescale(result, depth, correction);
      multiply(
          kernels, pairs, values, depth, pairs ? (some + 1) / 2 : some, scores, result, step > 0);
    }
  }
  for (size_t g = 0; g < count; g++) {
    float *result = groups + g * each + depth * DK_PANEL;
    const float *sum = result + (depth + 1) * DK_PANEL;
    for (size_t lane = 0; lane < DK_PANEL; lane++) correction[lane] = 1 / sum[lane];
    kernels->rescale(result, depth, correction);
    const size_t query = (first + g) * DK_PANEL;
    const size_t left = attention->queries - query;
    if (g + 1 < count)
      for (size_t q = 0; q < DK_PANEL && q + DK_PANEL < left; q++)
        for (size_t c = 0; c < depth + 15; c += 16)
          __builtin_prefetch(
              attention->out + (first_query + query + DK_PANEL + q) * attention->out_stride +
                  head * depth + c,
              1, 2);
    transpose(
        result, DK_PANEL, depth, left < DK_PANEL ? left : DK_PANEL, 1,
        attention->out + (first_query + query) * attention->out_stride + head * depth,
        attention->out_stride);
  }
}

void dk_attention_slice(const dk_attention *attention, size_t first, size_t count, float *scratch) {
  const dk_kernels *kernels = dk_kernels_for(attention->instructions);
  const size_t groups = dk_attention_groups(attention->queries);
  const size_t most = group_count(attention->depth);
  for (size_t done = 0; done < count;) {
    const size_t task = first + done;
    const size_t group = task % groups;
    size_t some = groups - group < count - done ? groups - group : count - done;
    if (some > most) some = most;
    const size_t line = task / groups;
    attend(
        attention, kernels, line / attention->heads, line % attention->heads, group, some, scratch);
    done += some;
  }
}
