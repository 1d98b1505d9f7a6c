internal import CSpectrogramKernels

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A spectrogram as a picture: columns are frames, rows are mel bins with the highest on top,
/// white is silence and black is `maximum`.
///
/// Mono pictures are grey and read from red; stereo ones hold left in green and right in blue,
/// with red empty.
public struct SpectrogramPicture: MelFrames, Equatable {
  /// The pixels: grey, or left in green and right in blue.
  public let image: RasterImage

  /// How the picture was made. Its `melBins` are always the picture's rows.
  public let parameters: SpectrogramParameters

  /// The mel amplitude that black stands for, on the 16-bit scale.
  public let maximum: Double

  /// Whether the parameters came with the picture. Where they did not, riffusion's defaults stand
  /// in, and whoever plays the picture should be told.
  public let hasEXIF: Bool

  /// Takes a picture made elsewhere, such as a model's. Throws `invalidParameter`, `invalidPicture` where it is
  /// empty, `tooLarge`.
  public init(
    image: RasterImage, parameters: SpectrogramParameters, maximum: Double
  ) throws(SpectrogramError) {
    try self.init(image: image, parameters: parameters, maximum: maximum, hasEXIF: true)
  }

  private init(
    image: RasterImage, parameters: SpectrogramParameters, maximum: Double, hasEXIF: Bool
  ) throws(SpectrogramError) {
    try RasterImage.checkSize(width: image.width, height: image.height)
    self.image = image
    var parameters = parameters
    parameters.melBins = image.height
    self.parameters = parameters
    self.maximum = maximum
    self.hasEXIF = hasEXIF
    try SpectrogramEXIF(parameters: parameters, maximum: maximum).validate()
    levels = Self.amplitudes(power: parameters.power, maximum: maximum)
  }

  /// Reads a PNG or JPEG file with riffusion's EXIF tags, or without any (see `hasEXIF`).
  ///
  /// - Parameters:
  ///   - file: all of its bytes.
  ///   - fallback: the parameters of a picture that brings none of its own.
  /// - Throws: `invalidPicture`, `invalidEXIF`, `invalidParameter`, `tooLarge`, `outOfMemory`.
  public init(
    file: [UInt8],
    fallback: SpectrogramEXIF = SpectrogramEXIF(parameters: SpectrogramParameters())
  ) throws(SpectrogramError) {
    let picture = try TaggedImage(file: file)
    var exif: SpectrogramEXIF?
    if let bytes = picture.exif { exif = try SpectrogramEXIF.read(bytes) }
    let used = exif ?? fallback
    try self.init(
      image: picture.image, parameters: used.parameters, maximum: used.maximum,
      hasEXIF: exif != nil)
  }

  /// Pictures mel amplitudes as riffusion does: 255 − 255 (mel / maximum) ^ power, truncated, with
  /// the largest of all channels as maximum.
  ///
  /// Throws `invalidParameter`, `invalidAudio` where an amplitude is not finite, `tooLarge`.
  public init(
    _ mel: MelSpectrogram, parameters: SpectrogramParameters
  ) throws(SpectrogramError) {
    try parameters.validate()
    try RasterImage.checkSize(width: mel.frames, height: mel.bins)
    let maximum = mel.maximum
    guard mel.channels == parameters.channels, maximum.isFinite, maximum >= 0 else {
      throw SpectrogramError(
        .invalidAudio, field: "mel spectrogram",
        "\(mel.channels) channels with a maximum of \(maximum) cannot be pictured")
    }
    let scale = maximum > 0 ? 1 / maximum : 0
    let width = mel.frames
    var pixels = [UInt8](repeating: 0, count: width * mel.bins * 3)
    pixels.withUnsafeMutableBufferPointer { pixels in
      mel.values.withUnsafeBufferPointer { values in
        for channel in 0..<mel.channels {
          for bin in 0..<mel.bins {
            // Proven: both buffers hold every (channel, bin, frame) of the shape, so neither is
            // empty; a row takes width values of one and 3 × width bytes of the other.
            let source = values.baseAddress! + (channel * mel.bins + bin) * width
            let row = pixels.baseAddress! + (mel.bins - 1 - bin) * width * 3
            for component in Self.components(channel: channel, stereo: parameters.stereo) {
              spectrogram_grey(
                source, scale, Float(parameters.power), row + component, 3, width)
            }
          }
        }
      }
    }
    let image = RasterImage(width: width, height: mel.bins, pixels: pixels)
    try self.init(
      image: image, parameters: parameters, maximum: Double(maximum), hasEXIF: true)
  }

  /// The picture as an 8-bit RGB PNG with riffusion's EXIF tags, and texts. Throws `outOfMemory`.
  public func png(texts: [PictureText] = []) throws(SpectrogramError) -> [UInt8] {
    let exif = SpectrogramEXIF(parameters: parameters, maximum: maximum)
    return try PNGCodec.encode(TaggedImage(image: image, exif: exif.bytes, texts: texts))
  }

  /// All of the picture's mel amplitudes, unpacked: 4 bytes each. A picture's shape fits, so nothing is thrown.
  public func mel() throws(SpectrogramError) -> MelSpectrogram {
    var values = [Float](repeating: 0, count: channels * bins * frames)
    values.withUnsafeMutableBufferPointer { values in
      for channel in 0..<channels {
        // Proven: a picture has at least one pixel, so values is not empty.
        let plane = values.baseAddress! + channel * bins * frames
        copyFrames(0..<frames, channel: channel, to: plane, stride: frames)
      }
    }
    return try MelSpectrogram(channels: channels, bins: bins, frames: frames, values: values)
  }

  // MARK: MelFrames

  /// 1, or 2 of stereo, as the parameters say.
  public var channels: Int { parameters.channels }
  public var bins: Int { image.height }
  public var frames: Int { image.width }

  public func copyFrames(
    _ range: Range<Int>, channel: Int, to output: UnsafeMutablePointer<Float>, stride: Int
  ) {
    let component = parameters.stereo ? channel + 1 : 0
    image.pixels.withUnsafeBufferPointer { pixels in
      levels.withUnsafeBufferPointer { levels in
        for bin in 0..<bins {
          let row = (image.height - 1 - bin) * image.width
          for (place, frame) in range.enumerated() {
            output[bin * stride + place] = levels[Int(pixels[(row + frame) * 3 + component])]
          }
        }
      }
    }
  }

  /// The amplitude of each of the 256 grey levels.
  private let levels: [Float]

  private static func amplitudes(power: Double, maximum: Double) -> [Float] {
    (0..<256).map { Float(pow(Double(255 - $0) / 255, 1 / power) * maximum) }
  }

  private static func components(channel: Int, stereo: Bool) -> Range<Int> {
    stereo ? (channel + 1)..<(channel + 2) : 0..<3
  }
}
