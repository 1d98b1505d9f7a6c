internal import CJPEGCodec

/// JPEG files to 8-bit RGB, through libjpeg-turbo: grey, YCbCr and RGB, baseline or progressive.
///
/// A picture's size is checked before memory is taken for it. Other than in libjpeg's own hands,
/// a file that ends early or is damaged is refused: grey where pixels are missing would sound.
public enum JPEGCodec {
  /// Scans of a progressive file; encoders write about ten.
  private static let maximumScans: Int32 = 100

  /// Throws `invalidPicture` where the bytes are not a whole JPEG, or hold CMYK; `tooLarge` above
  /// RasterImage's limits; `outOfMemory`.
  public static func decode(_ bytes: [UInt8]) throws(SpectrogramError) -> TaggedImage {
    var limits = jpeg_codec_limits(
      max_width: UInt32(RasterImage.maximumWidth), max_height: UInt32(RasterImage.maximumHeight),
      max_pixels: UInt64(RasterImage.maximumPixels), max_scans: maximumScans)
    var picture = jpeg_codec_picture()
    var message = [CChar](repeating: 0, count: Int(JPEG_CODEC_MESSAGE))
    let status = jpeg_codec_read(bytes, bytes.count, &limits, &picture, &message)
    let (width, height) = (Int(picture.width), Int(picture.height))
    guard status == JPEG_CODEC_OK else {
      if status == JPEG_CODEC_TOO_LARGE {
        try RasterImage.checkSize(width: width, height: height)
      }
      throw error(status, message)
    }
    defer {
      jpeg_codec_free(picture.pixels)
      jpeg_codec_free(picture.exif)
    }
    let pixels = Array(UnsafeBufferPointer(start: picture.pixels, count: width * height * 3))
    let image = RasterImage(width: width, height: height, pixels: pixels)
    guard let exif = picture.exif else { return TaggedImage(image: image) }
    return TaggedImage(
      image: image, exif: Array(UnsafeBufferPointer(start: exif, count: picture.exif_count)))
  }

  private static func error(
    _ status: jpeg_codec_status, _ message: [CChar]
  ) -> SpectrogramError {
    let bytes = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    let text = String(decoding: bytes, as: UTF8.self)
    switch status {
    case JPEG_CODEC_NO_MEMORY:
      return SpectrogramError(.outOfMemory, field: "image", "the JPEG cannot be read: \(text)")
    case JPEG_CODEC_TOO_LARGE:
      return SpectrogramError(
        .tooLarge, field: "image",
        "the JPEG cannot be read: \(text); the limit is \(maximumScans)")
    case JPEG_CODEC_OTHER_COLOURS:
      return SpectrogramError(
        .invalidPicture, field: "image", "the JPEG is \(text) (CMYK?); convert it to RGB")
    default:
      return SpectrogramError(
        .invalidPicture, field: "image", "the JPEG cannot be read: \(text)")
    }
  }
}
