import ArgumentParser
import RiffProtocol

/// How sound is made and written, for the commands that make it.
struct SoundFlags: ParsableArguments {
  /// How much work goes into a picture's phases.
  enum Quality: String, CaseIterable, ExpressibleByArgument {
    case draft, normal, best

    var value: Riff_V1_Quality {
      switch self {
      case .draft: .draft
      case .normal: .normal
      case .best: .best
      }
    }
  }

  /// What sound is written as.
  enum Format: String, CaseIterable, ExpressibleByArgument {
    case opus, wav, flac, mp3

    var format: MediaFormat {
      switch self {
      case .opus: .opus
      case .wav: .wav
      case .flac: .flac
      case .mp3: .mp3
      }
    }
  }

  /// What the samples of a WAV or FLAC file are.
  enum SampleFormat: String, CaseIterable, ExpressibleByArgument {
    case s16, s24, f32

    var value: Riff_V1_SampleFormat {
      switch self {
      case .s16: .s16
      case .s24: .s24
      case .f32: .f32
      }
    }
  }

  @Option(
    help: ArgumentHelp(
      """
      What is written where no extension says it, as into a pipe: opus, wav, flac or mp3. \
      (default: opus)
      """, valueName: "format"))
  var format: Format?
  @Option(
    help: """
      How close the sound comes to the picture: draft takes a third of normal's work, best three \
      times as much. (default: normal)
      """)
  var quality: Quality?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      Bit rate: 6k to 510k for Opus (default: 96k for one channel, 160k for two); one of 32k, 40k, \
      48k, 56k, 64k, 80k, 96k, 112k, 128k, 160k, 192k, 224k, 256k and 320k for MP3 (default: 128k \
      for one channel, 192k for two).
      """, valueName: "bit/s"), transform: Value.bitrate)
  var bitrate: UInt32?
  @Option(
    help: ArgumentHelp(
      """
      Samples of a .wav or .flac: s16 and s24, integers of 16 and 24 bits, or f32, 32-bit floats. \
      (default: f32 in .wav, s24 in .flac, which has no floats)
      """, valueName: "format"))
  var sampleFormat: SampleFormat?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      Fade the sound in and out, for clips that begin or end with a click; 0 to 10000. (default: 0)
      """, valueName: "ms"), transform: Value.whole(0...10_000))
  var fade: UInt32?

  /// Where `-o` and `--format` say the sound goes.
  ///
  /// - Throws: ``Failure``, also where an option does not go with the format.
  func destination(
    _ paths: [String], stem: String, usual: MediaFormat = .opus, takes: Int = 1
  ) throws -> Destination {
    let destination = try Destination(
      paths: paths, format: self.format?.format, stem: stem, usual: usual, takes: takes)
    let format = destination.sound?.format
    if let bitrate {
      switch format {
      case .opus where !(6_000...510_000).contains(bitrate):
        throw Failure.usage("--bitrate must be 6000 to 510000 for Opus, not \(bitrate)")
      case .mp3 where !Self.mp3Bitrates.contains(bitrate):
        let rates = Self.mp3Bitrates.map(String.init).joined(separator: ", ")
        throw Failure.usage("--bitrate must be one of \(rates) for MP3, not \(bitrate)")
      case .opus, .mp3: break
      case .wav, .flac, .png, nil:
        throw Failure.usage("--bitrate is for Opus and MP3, and neither is written")
      }
    }
    if let sampleFormat {
      switch format {
      case .flac where sampleFormat == .f32:
        throw Failure.usage("--sample-format must be s16 or s24 for FLAC, which has no floats")
      case .wav, .flac: break
      case .opus, .mp3, .png, nil:
        throw Failure.usage("--sample-format is for WAV and FLAC, and neither is written")
      }
    }
    return destination
  }

  /// Bit rates of MPEG-1 layer III.
  private static let mp3Bitrates: [UInt32] = [
    32_000, 40_000, 48_000, 56_000, 64_000, 80_000, 96_000, 112_000, 128_000, 160_000, 192_000,
    224_000, 256_000, 320_000,
  ]

  /// What the flags say, in a request that may say something already.
  func change(_ request: inout Riff_V1_GenerateRequest, for destination: Destination) {
    request.output = destination.sound?.format.outputFormat ?? .none
    request.wantSpectrogram = destination.picture != nil
    if let quality { request.quality = quality.value }
    if let sampleFormat {
      request.sampleFormat = sampleFormat.value
    } else if destination.sound?.format == .flac, request.sampleFormat == .f32 {
      // A WAV's that is made again as FLAC.
      request.sampleFormat = .unspecified
    }
    if let fade { request.fadeMs = fade }
    guard let bitrate else { return }
    request.opus.bitrate = bitrate
    request.mp3.bitrate = bitrate
  }

  /// The same for Render.
  func change(_ options: inout Riff_V1_RenderOptions, for destination: Destination) {
    options.output = destination.format.outputFormat
    if let quality { options.quality = quality.value }
    if let sampleFormat { options.sampleFormat = sampleFormat.value }
    if let fade { options.fadeMs = fade }
    guard let bitrate else { return }
    options.opus.bitrate = bitrate
    options.mp3.bitrate = bitrate
  }
}
