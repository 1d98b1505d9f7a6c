#pragma once

#include <stddef.h>
#include <stdint.h>

// libpng reports errors by longjmp, which may not cross Swift frames: reading and writing stand
// here, whole, each behind one setjmp.

/// What a picture may be at most; checked before its pixels are allocated.
typedef struct {
  uint32_t max_width;
  uint32_t max_height;
  uint64_t max_pixels;
  /// Bytes that any one ancillary chunk may take.
  uint32_t max_chunk;
} png_codec_limits;

/// A decoded picture: `pixels` is width * height * 3 bytes, rows from the top; `exif` is the
/// payload of the eXIf chunk, or null. Free with png_codec_free.
typedef struct {
  uint32_t width;
  uint32_t height;
  uint8_t *pixels;
  uint8_t *exif;
  size_t exif_count;
} png_codec_picture;

typedef struct {
  uint8_t *bytes;
  size_t count;
} png_codec_file;

/// A text that stands in the file: tEXt, whose text is Latin-1, or iTXt, whose text is UTF-8. Both
/// end with a zero; keywords have 1 to 79 characters of ASCII.
typedef struct {
  const char *keyword;
  const char *text;
  int is_utf8;
} png_codec_text;

typedef enum {
  PNG_CODEC_OK = 0,
  /// Not a PNG, truncated or damaged; the message says what libpng found.
  PNG_CODEC_DAMAGED,
  /// Larger than the limits.
  PNG_CODEC_TOO_LARGE,
  PNG_CODEC_NO_MEMORY,
} png_codec_status;

#define PNG_CODEC_MESSAGE 128

/// Decodes any PNG to 8-bit RGB: grey is repeated, palettes are looked up, 16 bits are rounded to
/// 8, alpha is dropped, gamma is left alone. On failure nothing needs freeing.
png_codec_status png_codec_read(
  const uint8_t *bytes, size_t count, const png_codec_limits *limits, png_codec_picture *picture,
  char message[PNG_CODEC_MESSAGE]);

/// Encodes 8-bit RGB, with an eXIf chunk where `exif` is not null, and the texts before the pixels. Free
/// with png_codec_free.
png_codec_status png_codec_write(
  const uint8_t *pixels, uint32_t width, uint32_t height, const uint8_t *exif, size_t exif_count,
  const png_codec_text *texts, size_t text_count, png_codec_file *file, char message[PNG_CODEC_MESSAGE]);

void png_codec_free(void *memory);
