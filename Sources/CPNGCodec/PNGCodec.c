#include "CPNGCodec.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

// Everything that must outlive a longjmp stands in this struct, in the frame of setjmp's caller:
// locals of the function that called setjmp would be indeterminate.
typedef struct {
  jmp_buf jump;
  char *message;
  png_codec_status status;
  png_structp png;
  png_infop info;
  const uint8_t *input;
  size_t input_count;
  png_codec_picture picture;
  png_bytepp rows;
  png_codec_file file;
  size_t capacity;
} codec;

static void say(codec *state, const char *text) {
  strncpy(state->message, text, PNG_CODEC_MESSAGE - 1);
  state->message[PNG_CODEC_MESSAGE - 1] = 0;
}

static void on_error(png_structp png, png_const_charp text) {
  codec *state = png_get_error_ptr(png);
  if (state->status == PNG_CODEC_OK) {
    // Of all that libpng calls here, only malloc sets errno.
    state->status = errno == ENOMEM ? PNG_CODEC_NO_MEMORY : PNG_CODEC_DAMAGED;
    say(state, text);
  }
  longjmp(state->jump, 1);
}

static void fail(codec *state, png_codec_status status, const char *text) {
  state->status = status;
  say(state, text);
  longjmp(state->jump, 1);
}

// Without memory for it, libpng only warns of a chunk that it leaves out, such as the EXIF.
static void on_warning(png_structp png, png_const_charp text) {
  if (errno == ENOMEM) fail(png_get_error_ptr(png), PNG_CODEC_NO_MEMORY, text);
}

static void read_input(png_structp png, png_bytep out, size_t count) {
  codec *state = png_get_io_ptr(png);
  if (count > state->input_count) png_error(png, "the file ends too early");
  memcpy(out, state->input, count);
  state->input += count;
  state->input_count -= count;
}

static void read_picture(codec *state, const png_codec_limits *limits) {
  png_structp png = state->png;
  png_infop info = state->info;
  // The limits are ours to report, so libpng's own must not be the first to refuse.
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_chunk_malloc_max(png, limits->max_chunk);
  png_set_chunk_cache_max(png, 64);
  png_set_read_fn(png, state, read_input);
  png_read_info(png, info);

  uint32_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
  state->picture.width = width;
  state->picture.height = height;
  if (width > limits->max_width || height > limits->max_height
      || (uint64_t)width * height > limits->max_pixels)
    fail(state, PNG_CODEC_TOO_LARGE, "larger than the limit");

  int depth = png_get_bit_depth(png, info), colour = png_get_color_type(png, info);
  if (depth == 16) png_set_scale_16(png);
  if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (colour == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
  if ((colour & PNG_COLOR_MASK_COLOR) == 0) png_set_gray_to_rgb(png);
  // Transparency of every kind is dropped; tRNS becomes alpha first in palette pictures.
  png_set_strip_alpha(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  if (png_get_rowbytes(png, info) != (size_t)width * 3)
    fail(state, PNG_CODEC_DAMAGED, "pixels of an unknown layout");

  state->picture.pixels = malloc((size_t)width * height * 3);
  state->rows = malloc((size_t)height * sizeof(png_bytep));
  if (!state->picture.pixels || !state->rows)
    fail(state, PNG_CODEC_NO_MEMORY, "no memory for the pixels");
  for (size_t y = 0; y < height; y++)
    state->rows[y] = state->picture.pixels + y * (size_t)width * 3;
  png_read_image(png, state->rows);
  png_read_end(png, info);

  png_uint_32 count = 0;
  png_bytep exif = NULL;
  if (png_get_eXIf_1(png, info, &count, &exif) && exif && count) {
    state->picture.exif = malloc(count);
    if (!state->picture.exif) fail(state, PNG_CODEC_NO_MEMORY, "no memory for the EXIF");
    memcpy(state->picture.exif, exif, count);
    state->picture.exif_count = count;
  }
}

static void guarded_read(codec *state, const png_codec_limits *limits) {
  if (setjmp(state->jump) != 0) return;
  errno = 0;
  state->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, state, on_error, on_warning);
  if (!state->png) fail(state, PNG_CODEC_NO_MEMORY, "no memory for the PNG reader");
  state->info = png_create_info_struct(state->png);
  if (!state->info) fail(state, PNG_CODEC_NO_MEMORY, "no memory for the PNG reader");
  read_picture(state, limits);
}

// libpng takes memory for a chunk's length before it reads, in eXIf without asking chunk_malloc_max: no
// chunk may claim more than the file has.
static int chunks_fit(const uint8_t *bytes, size_t count) {
  size_t at = 8;
  while (count - at >= 12) {
    uint32_t length = png_get_uint_32(bytes + at);
    if (length > count - at - 12) return 0;
    if (memcmp(bytes + at + 4, "IEND", 4) == 0) return 1;
    at += 12 + (size_t)length;
  }
  return 1;
}

png_codec_status png_codec_read(
  const uint8_t *bytes, size_t count, const png_codec_limits *limits, png_codec_picture *picture,
  char message[PNG_CODEC_MESSAGE]) {
  codec state = {.message = message, .input = bytes, .input_count = count};
  memset(message, 0, PNG_CODEC_MESSAGE);
  memset(picture, 0, sizeof *picture);
  if (count < 8 || png_sig_cmp(bytes, 0, 8) != 0) {
    say(&state, "the PNG signature is missing");
    return PNG_CODEC_DAMAGED;
  }
  if (!chunks_fit(bytes, count)) {
    say(&state, "the file ends inside a chunk");
    return PNG_CODEC_DAMAGED;
  }
  guarded_read(&state, limits);
  if (state.png) png_destroy_read_struct(&state.png, &state.info, NULL);
  free(state.rows);
  picture->width = state.picture.width;
  picture->height = state.picture.height;
  if (state.status == PNG_CODEC_OK) {
    *picture = state.picture;
  } else {
    free(state.picture.pixels);
    free(state.picture.exif);
  }
  return state.status;
}

static void write_output(png_structp png, png_bytep bytes, size_t count) {
  codec *state = png_get_io_ptr(png);
  if (count > state->capacity - state->file.count) {
    size_t capacity = state->capacity * 2 + count;
    uint8_t *grown = realloc(state->file.bytes, capacity);
    if (!grown) fail(state, PNG_CODEC_NO_MEMORY, "no memory for the PNG file");
    state->file.bytes = grown;
    state->capacity = capacity;
  }
  memcpy(state->file.bytes + state->file.count, bytes, count);
  state->file.count += count;
}

static void flush_output(png_structp png) { (void)png; }

static void write_picture(
  codec *state, const uint8_t *pixels, uint32_t width, uint32_t height, const uint8_t *exif,
  size_t exif_count, const png_codec_text *texts, size_t text_count) {
  png_structp png = state->png;
  png_infop info = state->info;
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_write_fn(png, state, write_output, flush_output);
  png_set_IHDR(
    png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
    PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  // Spectrograms come out as small as at zlib's usual 6, in a third of the time.
  png_set_compression_level(png, 3);
  if (exif) png_set_eXIf_1(png, info, (png_uint_32)exif_count, (png_bytep)exif);
  for (size_t index = 0; index < text_count; index++) {
    // libpng copies what it is given.
    png_text text = {
      .compression = texts[index].is_utf8 ? PNG_ITXT_COMPRESSION_NONE : PNG_TEXT_COMPRESSION_NONE,
      .key = (png_charp)texts[index].keyword,
      .text = (png_charp)texts[index].text,
      .text_length = texts[index].is_utf8 ? 0 : strlen(texts[index].text),
      .itxt_length = texts[index].is_utf8 ? strlen(texts[index].text) : 0,
    };
    png_set_text(png, info, &text, 1);
  }
  png_write_info(png, info);
  for (size_t y = 0; y < height; y++) png_write_row(png, pixels + y * (size_t)width * 3);
  png_write_end(png, info);
}

static void guarded_write(
  codec *state, const uint8_t *pixels, uint32_t width, uint32_t height, const uint8_t *exif,
  size_t exif_count, const png_codec_text *texts, size_t text_count) {
  if (setjmp(state->jump) != 0) return;
  errno = 0;
  state->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, state, on_error, on_warning);
  if (!state->png) fail(state, PNG_CODEC_NO_MEMORY, "no memory for the PNG writer");
  state->info = png_create_info_struct(state->png);
  if (!state->info) fail(state, PNG_CODEC_NO_MEMORY, "no memory for the PNG writer");
  write_picture(state, pixels, width, height, exif, exif_count, texts, text_count);
}

png_codec_status png_codec_write(
  const uint8_t *pixels, uint32_t width, uint32_t height, const uint8_t *exif, size_t exif_count,
  const png_codec_text *texts, size_t text_count, png_codec_file *file, char message[PNG_CODEC_MESSAGE]) {
  codec state = {.message = message};
  memset(message, 0, PNG_CODEC_MESSAGE);
  memset(file, 0, sizeof *file);
  guarded_write(&state, pixels, width, height, exif, exif_count, texts, text_count);
  if (state.png) png_destroy_write_struct(&state.png, &state.info);
  if (state.status == PNG_CODEC_OK) {
    *file = state.file;
  } else {
    free(state.file.bytes);
  }
  return state.status;
}

void png_codec_free(void *memory) { free(memory); }
