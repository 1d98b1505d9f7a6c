#pragma once

#include <stddef.h>
#include <stdint.h>

// libjpeg reports errors by a call that may not return: reading stands here, whole, behind one
// setjmp that no Swift frame lies above.

/// What a picture may be at most; checked before its pixels are allocated.
typedef struct {
  uint32_t max_width;
  uint32_t max_height;
  uint64_t max_pixels;
  /// Scans of a progressive file: each costs a pass over all pixels.
  int32_t max_scans;
} jpeg_codec_limits;

/// A decoded picture: `pixels` is width * height * 3 bytes, rows from the top; `exif` is what
/// follows "Exif\0\0" in the first such APP1 marker, or null. Free with jpeg_codec_free.
typedef struct {
  uint32_t width;
  uint32_t height;
  uint8_t *pixels;
  uint8_t *exif;
  size_t exif_count;
} jpeg_codec_picture;

typedef enum {
  JPEG_CODEC_OK = 0,
  /// Not a JPEG, truncated or damaged; the message says what libjpeg found.
  JPEG_CODEC_DAMAGED,
  /// Neither grey nor RGB nor YCbCr.
  JPEG_CODEC_OTHER_COLOURS,
  /// Larger than the limits.
  JPEG_CODEC_TOO_LARGE,
  JPEG_CODEC_NO_MEMORY,
} jpeg_codec_status;

#define JPEG_CODEC_MESSAGE 256

/// Decodes a grey or colour JPEG, baseline or progressive, to 8-bit RGB; grey is repeated. A file
/// that ends early is damaged, though libjpeg would fill it up. On failure nothing needs freeing.
jpeg_codec_status jpeg_codec_read(
  const uint8_t *bytes, size_t count, const jpeg_codec_limits *limits, jpeg_codec_picture *picture,
  char message[JPEG_CODEC_MESSAGE]);

void jpeg_codec_free(void *memory);
