internal import CSndFile

/// Sound to an MP3 file at 48 kHz and a constant bit rate, through libsndfile and LAME.
///
/// It begins with an ID3 tag. The first frame, silent, keeps the place of LAME's own tag, which says
/// how long the sound is and how much of the first and last frames to drop; ``finalHead`` has it.
/// Frames of less than 64,000 bits per second are too small for it: then silence of up to 50 ms is
/// left at either end.
public final class MP3Encoder: AudioStreamEncoder {
  public let channels: Int

  private let writer: SoundFileWriter
  private let tag: [UInt8]
  private var isBegun = false

  /// Bit rates of MPEG-1 layer III, in bits per second.
  public static let bitrates = [
    32_000, 40_000, 48_000, 56_000, 64_000, 80_000, 96_000, 112_000, 128_000, 160_000, 192_000,
    224_000, 256_000, 320_000,
  ]

  /// - Parameters:
  ///   - channels: 1 or 2.
  ///   - bitrate: one of ``bitrates``.
  ///   - comments: what the file says of itself.
  /// - Throws: `invalidParameter`, `codecFailed`.
  public init(
    channels: Int, bitrate: Int, comments: [AudioComment] = []
  ) throws(AudioIOError) {
    self.channels = try checkedChannels(channels, limit: 2)
    guard Self.bitrates.contains(bitrate) else {
      let all = Self.bitrates.map(String.init).joined(separator: ", ")
      throw AudioIOError(
        .invalidParameter, field: "bitrate", "must be one of \(all), not \(bitrate)")
    }
    tag = try ID3Tag.bytes(comments)
    // libsndfile's levels are 320 to 32 kbit/s on a line; it rounds down.
    let compression = (320_000 - Double(bitrate)) / (320_000 - 32_000)
    writer = try SoundFileWriter(
      "MP3", format: SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, channels: channels,
      compression: compression)
  }

  public func append(_ samples: [[Float]]) throws(AudioIOError) -> [UInt8] {
    let count = try samples.checkedCount(channels: channels)
    var interleaved: [Float] = []
    interleaved.reserveCapacity(count * channels)
    for frame in 0..<count {
      for (channel, values) in samples.enumerated() {
        guard values[frame].isFinite else {
          throw AudioIOError(
            .invalidSamples, field: "samples", "channel \(channel + 1) has one that is not finite")
        }
        interleaved.append(values[frame])
      }
    }
    try writer.write(interleaved)
    return takeTag() + writer.file.take()
  }

  public func finish() throws(AudioIOError) -> [UInt8] {
    try writer.close()
    return takeTag() + writer.file.take()
  }

  public var finalHead: [UInt8] {
    writer.file.rewritten > 0 ? tag + writer.file.head.prefix(writer.file.rewritten) : []
  }

  private func takeTag() -> [UInt8] {
    defer { isBegun = true }
    return isBegun ? [] : tag
  }
}
