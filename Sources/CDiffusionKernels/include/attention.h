// softmax(q · kᵀ / √depth) · v without the matrix of scores: a block of keys after the other, with a
// running maximum and sum a query. Milakov and Gimelshein, 2018 (arXiv:1805.02867); Dao et al., 2022
// (arXiv:2205.14135).
#ifndef DK_ATTENTION_H
#define DK_ATTENTION_H

#include <stddef.h>

#include "product.h"

/// Rows of the items follow each other; a row holds the heads side by side, `depth` channels each.
typedef struct {
  const float *query, *key, *value;
  size_t query_stride, key_stride, value_stride;
  float *out;
  size_t out_stride;
  size_t heads, depth;
  /// Rows an item.
  size_t queries, keys;
  /// 1: a query sees the keys up to its own place only; there are as many as queries.
  int causal;
  /// 1: the factors of both products are rounded to bf16, scores and their softmax are f32.
  int pairs;
  enum dk_instructions instructions;
} dk_attention;

/// Groups of queries of one head of one item; a batch has items x heads x groups.
size_t dk_attention_groups(size_t queries);
/// Floats of scratch that a slice needs.
size_t dk_attention_scratch(size_t depth);
/// The results of the groups `first ..< first + count`, counted over [item][head][group]. They do
/// not depend on how the groups are cut into slices.
void dk_attention_slice(const dk_attention *attention, size_t first, size_t count, float *scratch);

#endif
