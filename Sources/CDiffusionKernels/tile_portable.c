// Vectors of four: what NEON has, and what any x86-64 has.
#define DK_TARGET
#define DK_WIDTH 4
#if defined(__aarch64__)  // 32 registers
#define DK_VECTORS 4
#define DK_ROWS 6
#define DK_EACH_ROWS DK_CASE(1) DK_CASE(2) DK_CASE(3) DK_CASE(4) DK_CASE(5) DK_CASE(6)
#else  // 16
#define DK_VECTORS 2
#define DK_ROWS 6
#define DK_EACH_ROWS DK_CASE(1) DK_CASE(2) DK_CASE(3) DK_CASE(4) DK_CASE(5) DK_CASE(6)
#endif
#define DK_HALF_CONVERSION 0
#define DK_NATIVE_PAIRS 0
#define DK_NATIVE_QUADS 0
#if defined(__SSE2__)
#include <emmintrin.h>
#define DK_MULTIPLY_ADD(A, B) (integers)_mm_madd_epi16((__m128i)(A), (__m128i)(B))
#endif
#include "tile_template.h"
#include "widen_template.h"
#include "narrow_template.h"
#include "winograd_template.h"
#include "attention_template.h"

const dk_kernels dk_portable_kernels = {
    .tile_rows = DK_ROWS,
    .block_panels = 5,
    .tile = multiply_tile,
    .tile_pairs = multiply_pairs_tile,
    .tile_halves = multiply_halves_tile,
    .tile_quads = multiply_quads_tile,
    .round_pairs = round_pairs,
    .join_lines = join_lines,
    .round_lines = round_lines,
    .widen_float16 = widen_float16,
    .widen_bfloat16 = widen_bfloat16,
    .winograd_input = winograd_input,
    .winograd_integers = winograd_integers,
    .winograd_weights = winograd_weights,
    .winograd_output = winograd_output,
    .soften = soften,
    .soften_pairs = soften_pairs,
    .rescale = rescale,
};
