internal import CPNGCodec

/// PNG files to and from 8-bit RGB, through libpng.
///
/// Reads grey, grey with alpha, palette, RGB and RGBA of 1 to 16 bits, interlaced or not. Alpha is
/// dropped and gamma left alone. A picture's size is checked before memory is taken for it.
public enum PNGCodec {
  /// Throws `invalidPicture` where the bytes are not a whole PNG, `tooLarge` above RasterImage's
  /// limits, `outOfMemory`.
  public static func decode(_ bytes: [UInt8]) throws(SpectrogramError) -> TaggedImage {
    var limits = png_codec_limits(
      max_width: UInt32(RasterImage.maximumWidth), max_height: UInt32(RasterImage.maximumHeight),
      max_pixels: UInt64(RasterImage.maximumPixels), max_chunk: 1 << 20)
    var picture = png_codec_picture()
    var message = [CChar](repeating: 0, count: Int(PNG_CODEC_MESSAGE))
    let status = png_codec_read(bytes, bytes.count, &limits, &picture, &message)
    if status == PNG_CODEC_TOO_LARGE {
      try RasterImage.checkSize(width: Int(picture.width), height: Int(picture.height))
    }
    guard status == PNG_CODEC_OK else { throw error(status, message, verb: "read") }
    defer {
      png_codec_free(picture.pixels)
      png_codec_free(picture.exif)
    }
    let (width, height) = (Int(picture.width), Int(picture.height))
    let pixels = Array(UnsafeBufferPointer(start: picture.pixels, count: width * height * 3))
    let image = RasterImage(width: width, height: height, pixels: pixels)
    guard let exif = picture.exif else { return TaggedImage(image: image) }
    return TaggedImage(
      image: image, exif: Array(UnsafeBufferPointer(start: exif, count: picture.exif_count)))
  }

  /// An 8-bit RGB file, with an eXIf chunk where the picture has EXIF, and its texts: tEXt, or iTXt
  /// where that is not Latin-1. Throws `outOfMemory`.
  public static func encode(_ picture: TaggedImage) throws(SpectrogramError) -> [UInt8] {
    var file = png_codec_file()
    var message = [CChar](repeating: 0, count: Int(PNG_CODEC_MESSAGE))
    let exif = picture.exif ?? []
    // One run of bytes with a zero behind each part, so that all may be pointed into at once.
    var characters: [CChar] = []
    var places: [(keyword: Int, text: Int, isUTF8: Bool)] = []
    for text in picture.texts {
      let latin1 = text.latin1
      places.append(
        (characters.count, characters.count + text.keyword.utf8.count + 1, latin1 == nil))
      for part in [Array(text.keyword.utf8), latin1 ?? text.utf8] {
        characters += part.map { CChar(bitPattern: $0) } + [0]
      }
    }
    let status = exif.withUnsafeBufferPointer { exif in
      characters.withUnsafeBufferPointer { characters in
        let texts = places.map { place in
          png_codec_text(
            keyword: characters.baseAddress.map { $0 + place.keyword },
            text: characters.baseAddress.map { $0 + place.text }, is_utf8: place.isUTF8 ? 1 : 0)
        }
        return png_codec_write(
          picture.image.pixels, UInt32(picture.image.width), UInt32(picture.image.height),
          exif.isEmpty ? nil : exif.baseAddress, exif.count, texts, texts.count, &file, &message)
      }
    }
    guard status == PNG_CODEC_OK else { throw error(status, message, verb: "written") }
    defer { png_codec_free(file.bytes) }
    return Array(UnsafeBufferPointer(start: file.bytes, count: file.count))
  }

  private static func error(
    _ status: png_codec_status, _ message: [CChar], verb: String
  ) -> SpectrogramError {
    let bytes = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    let text = String(decoding: bytes, as: UTF8.self)
    let kind: SpectrogramError.Kind =
      status == PNG_CODEC_NO_MEMORY
      ? .outOfMemory : status == PNG_CODEC_TOO_LARGE ? .tooLarge : .invalidPicture
    return SpectrogramError(kind, field: "image", "the PNG cannot be \(verb): \(text)")
  }
}
