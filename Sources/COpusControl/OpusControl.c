#include "COpusControl.h"

int opus_control_set_bitrate(OpusEncoder *encoder, int32_t bits_per_second) {
  return opus_encoder_ctl(encoder, OPUS_SET_BITRATE(bits_per_second));
}

int opus_control_set_complexity(OpusEncoder *encoder, int32_t complexity) {
  return opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(complexity));
}

int opus_control_set_music(OpusEncoder *encoder) {
  return opus_encoder_ctl(encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_MUSIC));
}

int opus_control_get_lookahead(OpusEncoder *encoder, int32_t *samples) {
  opus_int32 value = 0;
  int status = opus_encoder_ctl(encoder, OPUS_GET_LOOKAHEAD(&value));
  *samples = value;
  return status;
}
