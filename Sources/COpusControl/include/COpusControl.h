#pragma once

#include <stdint.h>

#include <opus.h>

// opus_encoder_ctl is variadic, which Swift cannot call: one function a request.
// Each returns OPUS_OK or a negative libopus error.

int opus_control_set_bitrate(OpusEncoder *encoder, int32_t bits_per_second);
int opus_control_set_complexity(OpusEncoder *encoder, int32_t complexity);
int opus_control_set_music(OpusEncoder *encoder);

/// Samples at the encoder's rate by which its output lags its input.
int opus_control_get_lookahead(OpusEncoder *encoder, int32_t *samples);
