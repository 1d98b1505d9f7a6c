#if defined(__x86_64__)
#define DK_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512cd,fma,f16c")))
#define DK_WIDTH 16
#define DK_VECTORS 2
#define DK_ROWS 14
#define DK_EACH_ROWS                                                                            \
  DK_CASE(1) DK_CASE(2) DK_CASE(3) DK_CASE(4) DK_CASE(5) DK_CASE(6) DK_CASE(7) DK_CASE(8)       \
  DK_CASE(9) DK_CASE(10) DK_CASE(11) DK_CASE(12) DK_CASE(13) DK_CASE(14)
#define DK_HALF_CONVERSION 1
#define DK_NATIVE_PAIRS 0
#define DK_NATIVE_QUADS 0
#define DK_MULTIPLY_ADD(A, B) (integers)_mm512_madd_epi16((__m512i)(A), (__m512i)(B))
#include "tile_template.h"
#include "widen_template.h"
#include "narrow_template.h"
#include "winograd_template.h"
#include "attention_template.h"

const dk_kernels dk_avx512_kernels = {
    .tile_rows = DK_ROWS,
    .block_panels = 12,
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
#endif
