#include "CJPEGCodec.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#define EXIF_MARKER (JPEG_APP0 + 1)

// Everything that must outlive a longjmp stands in this struct, in the frame of setjmp's caller:
// locals of the function that called setjmp would be indeterminate.
typedef struct {
  // libjpeg hands these three back by their addresses; each is found in its codec by offset.
  struct jpeg_decompress_struct jpeg;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf jump;
  char *message;
  jpeg_codec_status status;
  int32_t max_scans;
  jpeg_codec_picture picture;
} codec;

static void fail(codec *state, jpeg_codec_status status, const char *text) {
  state->status = status;
  strncpy(state->message, text, JPEG_CODEC_MESSAGE - 1);
  state->message[JPEG_CODEC_MESSAGE - 1] = 0;
  longjmp(state->jump, 1);
}

static void on_error(j_common_ptr jpeg) {
  codec *state = jpeg->client_data;
  char text[JMSG_LENGTH_MAX];
  jpeg->err->format_message(jpeg, text);
  fail(
    state,
    jpeg->err->msg_code == JERR_OUT_OF_MEMORY ? JPEG_CODEC_NO_MEMORY : JPEG_CODEC_DAMAGED, text);
}

// Level -1 is a warning: libjpeg would go on and invent what it did not find. Bytes between two
// markers, and a version of JFIF to come, lose nothing.
static void on_message(j_common_ptr jpeg, int level) {
  if (level < 0 && jpeg->err->msg_code != JWRN_EXTRANEOUS_DATA
      && jpeg->err->msg_code != JWRN_JFIF_MAJOR)
    on_error(jpeg);
}

static void print_nothing(j_common_ptr jpeg) { (void)jpeg; }

static void on_progress(j_common_ptr jpeg) {
  codec *state = jpeg->client_data;
  if (state->jpeg.input_scan_number > state->max_scans)
    fail(state, JPEG_CODEC_TOO_LARGE, "too many scans");
}

static void keep_exif(codec *state) {
  static const char mark[6] = "Exif\0";
  for (jpeg_saved_marker_ptr marker = state->jpeg.marker_list; marker; marker = marker->next) {
    if (marker->marker != EXIF_MARKER || marker->data_length <= sizeof mark
        || memcmp(marker->data, mark, sizeof mark) != 0)
      continue;
    size_t count = marker->data_length - sizeof mark;
    state->picture.exif = malloc(count);
    if (!state->picture.exif) fail(state, JPEG_CODEC_NO_MEMORY, "no memory for the EXIF");
    memcpy(state->picture.exif, marker->data + sizeof mark, count);
    state->picture.exif_count = count;
    return;
  }
}

static void read_picture(codec *state, const jpeg_codec_limits *limits) {
  j_decompress_ptr jpeg = &state->jpeg;
  jpeg_save_markers(jpeg, EXIF_MARKER, 0xFFFF);
  jpeg_read_header(jpeg, TRUE);

  uint32_t width = jpeg->image_width, height = jpeg->image_height;
  state->picture.width = width;
  state->picture.height = height;
  if (width > limits->max_width || height > limits->max_height
      || (uint64_t)width * height > limits->max_pixels)
    fail(state, JPEG_CODEC_TOO_LARGE, "larger than the limit");
  if (jpeg->jpeg_color_space != JCS_GRAYSCALE && jpeg->jpeg_color_space != JCS_YCbCr
      && jpeg->jpeg_color_space != JCS_RGB)
    fail(state, JPEG_CODEC_OTHER_COLOURS, "neither grey nor RGB");
  keep_exif(state);

  size_t row = (size_t)width * 3;
  state->picture.pixels = malloc(row * height);
  if (!state->picture.pixels) fail(state, JPEG_CODEC_NO_MEMORY, "no memory for the pixels");
  jpeg->out_color_space = JCS_RGB;
  jpeg_start_decompress(jpeg);
  while (jpeg->output_scanline < height) {
    JSAMPROW target = state->picture.pixels + jpeg->output_scanline * row;
    jpeg_read_scanlines(jpeg, &target, 1);
  }
  jpeg_finish_decompress(jpeg);
}

static void guarded_read(
  codec *state, const uint8_t *bytes, size_t count, const jpeg_codec_limits *limits) {
  if (setjmp(state->jump) != 0) return;
  jpeg_create_decompress(&state->jpeg);
  state->jpeg.client_data = state;
  state->jpeg.progress = &state->progress;
  jpeg_mem_src(&state->jpeg, bytes, count);
  read_picture(state, limits);
}

jpeg_codec_status jpeg_codec_read(
  const uint8_t *bytes, size_t count, const jpeg_codec_limits *limits, jpeg_codec_picture *picture,
  char message[JPEG_CODEC_MESSAGE]) {
  codec state = {.message = message, .max_scans = limits->max_scans};
  memset(message, 0, JPEG_CODEC_MESSAGE);
  memset(picture, 0, sizeof *picture);
  state.jpeg.err = jpeg_std_error(&state.errors);
  state.errors.error_exit = on_error;
  state.errors.emit_message = on_message;
  state.errors.output_message = print_nothing;
  state.progress.progress_monitor = on_progress;
  // Creation may fail before it could be told.
  state.jpeg.client_data = &state;
  guarded_read(&state, bytes, count, limits);
  jpeg_destroy_decompress(&state.jpeg);
  picture->width = state.picture.width;
  picture->height = state.picture.height;
  if (state.status == JPEG_CODEC_OK) {
    *picture = state.picture;
  } else {
    free(state.picture.pixels);
    free(state.picture.exif);
  }
  return state.status;
}

void jpeg_codec_free(void *memory) { free(memory); }
