import AudioIO
import Cores
import Diffusion
import Spectrogram

/// What a remix begins from.
enum RemixSource {
  case picture(SpectrogramPicture)
  /// Sound, opened and known to be readable; decoded when it is known how much of it is wanted.
  case clip(Upload, start: Double)

  /// Multiple that riffusion's `preprocess_image` rounds a picture's sides down to, in pixels.
  private static let pictureMultiple = 32

  /// Reads a picture, PNG or JPEG, or else looks at audio.
  ///
  /// - Parameter startSeconds: Where in the clip the window begins.
  /// - Throws: the rooms' errors.
  init(_ file: Upload, startSeconds: Double, _ context: JobContext) throws {
    guard file.count > 0 else {
      throw JobError(.invalidArgument(field: "chunk"), "the upload is empty")
    }
    if PictureFormat(detecting: try file.prefix(AudioFormat.length)).isPicture {
      self = .picture(try SpectrogramPicture(file: file.bytes(0..<RequestLimits.pictureBytes)))
      file.release()
    } else {
      // What cannot be read is refused before the job waits its turn.
      _ = try AudioReader(file, check: context.checkCancellation)
      self = .clip(file, start: startSeconds)
    }
  }

  /// The picture's own size on the model's scales of time and frequency, rounded down to what
  /// riffusion and the model take; nil for a clip, which has the model's size.
  func naturalSize(
    card: ModelCard, info: DiffusionModelInfo
  ) throws(JobError) -> (width: Int, height: Int)? {
    guard case .picture(let picture) = self else { return nil }
    func rounded(_ side: Int, _ multiple: Int) -> Int {
      side - side % (multiple % Self.pictureMultiple == 0 ? multiple : Self.pictureMultiple)
    }
    let width = rounded(Self.columns(of: picture, card: card), info.widthMultiple)
    let height = card.defaults.height ?? rounded(picture.image.height, info.heightMultiple)
    guard width > 0, height > 0 else {
      throw JobError(
        .invalidArgument(field: "chunk"),
        "the picture has \(picture.image.width) × \(picture.image.height) pixels; at least "
          + "\(Self.pictureMultiple) of the model's columns and rows are needed")
    }
    return (width, height)
  }

  /// The model's columns in which the picture lasts as long as in its own.
  private static func columns(of picture: SpectrogramPicture, card: ModelCard) -> Int {
    picture.image.width * picture.parameters.stepMilliseconds / card.spectrogram.stepMilliseconds
  }

  /// The source as the model would paint it, in the request's size.
  func picture(_ size: PictureSize, card: ModelCard, _ context: JobContext) throws -> RasterImage {
    switch self {
    case .picture(let picture):
      try context.warn(of: picture)
      try self.warn(of: picture, card: card, context)
      return Self.fitted(picture, size, card: card)
    case .clip(let file, let start):
      return try Self.analyzed(file, start: start, size, card: card, context)
    }
  }

  private func warn(
    of picture: SpectrogramPicture, card: ModelCard, _ context: JobContext
  ) throws {
    let own = picture.parameters
    let model = card.spectrogram
    guard picture.hasEXIF,
      own.minFrequency != model.minFrequency || own.maxFrequency != model.maxFrequency
        || own.power != model.power
    else { return }
    try context.send(
      .warning(
        "the picture shows \(own.minFrequency) to \(own.maxFrequency) Hz at power \(own.power), "
          + "the model paints \(model.minFrequency) to \(model.maxFrequency) Hz at power "
          + "\(model.power); it is taken as if it were the model's"))
  }

  /// Resized to the model's rows and columns a second, and where a length was asked for, cut or
  /// followed by silence (white).
  private static func fitted(
    _ picture: SpectrogramPicture, _ size: PictureSize, card: ModelCard
  ) -> RasterImage {
    var image = picture.image
    if size.isSourceWidth { return image.resized(width: size.width, height: size.height) }
    let columns = max(Self.columns(of: picture, card: card), 1)
    if columns > size.width {
      image = image.columns(0..<max(image.width * size.width / columns, 1))
      return image.resized(width: size.width, height: size.height)
    }
    return image.resized(width: columns, height: size.height).columns(0..<size.width)
  }

  /// The clip from `start` on, cut or followed by silence, as a picture of exactly the size's columns.
  /// Lets go of the file.
  private static func analyzed(
    _ file: Upload, start: Double, _ size: PictureSize, card: ModelCard, _ context: JobContext
  ) throws -> RasterImage {
    var parameters = card.spectrogram
    parameters.melBins = size.height
    // One sample short of another column.
    let count = size.width * parameters.hopLength - 1
    let reader = try AudioReader(file, check: context.checkCancellation)
    let sound = try reader.read(
      AudioReader.Part(
        start: start, duration: Double(count) / Double(parameters.sampleRate),
        channels: parameters.channels, sampleRate: parameters.sampleRate),
      check: context.checkCancellation)
    for warning in reader.warnings { try context.send(.warning(warning)) }
    file.release()
    let channels = sound.channels.map { samples in
      Array(samples.prefix(count)) + [Float](repeating: 0, count: max(0, count - samples.count))
    }
    let mel = try context.withTurn { turn in
      try SpectrogramAnalyzer(parameters, pool: turn.pool).analyze(channels) {
        try turn.checkpoint()
      }
    }
    return try SpectrogramPicture(mel, parameters: parameters).image
  }
}

extension RasterImage {
  /// A range of columns that begins inside the picture; beyond its end it is white.
  func columns(_ range: Range<Int>) -> RasterImage {
    var result: [UInt8] = []
    result.reserveCapacity(3 * range.count * height)
    let inside = range.clamped(to: 0..<width)
    for row in 0..<height {
      let start = 3 * (row * width + inside.lowerBound)
      result += pixels[start..<start + 3 * inside.count]
      result += repeatElement(255, count: 3 * (range.count - inside.count))
    }
    return RasterImage(width: range.count, height: height, pixels: result)
  }

  /// The picture with some of its columns those of another one, as high as it and as wide as they are.
  func replacing(columns range: Range<Int>, by other: RasterImage) -> RasterImage {
    var result = pixels
    for row in 0..<height {
      let place = 3 * (row * width + range.lowerBound)
      result.replaceSubrange(
        place..<place + 3 * range.count,
        with: other.pixels[3 * row * other.width..<3 * (row * other.width + range.count)])
    }
    return RasterImage(width: width, height: height, pixels: result)
  }
}
