/// A picture, the EXIF data it came with, and the texts it goes with.
public struct TaggedImage: Sendable, Equatable {
  /// 8-bit RGB, whatever the file's own depth and colours were.
  public var image: RasterImage

  /// The TIFF structure: the payload of a PNG's eXIf chunk, or what follows a JPEG's `Exif` mark.
  public var exif: [UInt8]?

  /// What a PNG file says beside its picture. Written only: what a file had is not read here.
  public var texts: [PictureText]

  /// A picture with what a file is to say of it.
  public init(image: RasterImage, exif: [UInt8]? = nil, texts: [PictureText] = []) {
    self.image = image
    self.exif = exif
    self.texts = texts
  }

  /// Reads a PNG or JPEG file, whichever its first bytes say it is.
  ///
  /// Throws `invalidPicture` where it is neither, or damaged; `tooLarge` above RasterImage's
  /// limits; `outOfMemory`.
  public init(file bytes: [UInt8]) throws(SpectrogramError) {
    switch PictureFormat(detecting: bytes) {
    case .png: self = try PNGCodec.decode(bytes)
    case .jpeg: self = try JPEGCodec.decode(bytes)
    case .unsupported(let name):
      throw SpectrogramError(
        .invalidPicture, field: "image",
        "this is \(name), which cannot be read; convert it to PNG or JPEG")
    case .unknown:
      throw SpectrogramError(.invalidPicture, field: "image", "this is neither PNG nor JPEG")
    }
  }
}
