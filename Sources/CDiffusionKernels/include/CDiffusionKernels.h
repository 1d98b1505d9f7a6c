// Vector kernels of the Diffusion room. Every map is channels-last, f32, row-major; a "row" is one
// pixel or token with its channels. Sizes are in elements, strides in floats. No kernel allocates,
// keeps state, or checks: callers do.
#ifndef C_DIFFUSION_KERNELS_H
#define C_DIFFUSION_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "attention.h"
#include "product.h"

/// IEEE binary16 to f32, infinities and NaN included.
void dk_widen_float16(const void *in, float *out, size_t count);
/// bfloat16 to f32.
void dk_widen_bfloat16(const void *in, float *out, size_t count);
/// f32 at any alignment to f32.
void dk_copy_float32(const void *in, float *out, size_t count);

/// Adds to sum[c] and square[c] the sums of x and x² over `rows` rows.
void dk_moments(const float *x, size_t rows, size_t channels, double *sum, double *square);
/// y = x · scale[c] + shift[c].
void dk_scale_shift(
    const float *x, float *y, size_t rows, size_t channels, const float *scale, const float *shift);
/// y = SiLU(x · scale[c] + shift[c]).
void dk_scale_shift_silu(
    const float *x, float *y, size_t rows, size_t channels, const float *scale, const float *shift);
/// Layer normalisation of each row; x and y may be the same.
void dk_layer_norm(
    const float *x, float *y, size_t rows, size_t channels, const float *weight, const float *bias,
    float epsilon);

/// x · sigmoid(x), in place.
void dk_silu(float *x, size_t count);
/// x · Φ(x) by the error function, in place.
void dk_gelu(float *x, size_t count);
/// x · sigmoid(1.702 x), in place.
void dk_quick_gelu(float *x, size_t count);
/// y[r][i] = x[r][i] · gelu(x[r][inner + i]); x has 2 · inner columns, y has inner.
void dk_geglu(const float *x, float *y, size_t rows, size_t inner);

/// out[r] = residual[r] + bias; a null residual or bias counts as 0. out may be residual.
void dk_start_rows(
    float *out, size_t out_stride, const float *residual, size_t residual_stride, const float *bias,
    size_t rows, size_t columns);

#endif
