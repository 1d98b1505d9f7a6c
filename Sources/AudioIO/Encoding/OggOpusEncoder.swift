/// Sound to an Ogg Opus stream (RFC 7845) at 48 kHz, page by page.
///
/// The first bytes are two pages, OpusHead and OpusTags, each alone; then come pages of at most
/// ten packets of 20 ms. The last page's granule position trims the end, so that exactly the samples
/// that went in come out of a decoder.
public final class OggOpusEncoder: AudioStreamEncoder {
  public let channels: Int

  /// Samples a channel that a decoder drops before the first one.
  public let preSkip: Int

  private let encoder: OpusEncoderHandle
  private let pages: OggPageWriter
  /// The pages before the sound, until they are returned.
  private var header: [UInt8] = []
  /// Samples of the next packet so far, interleaved.
  private var pending: [Float] = []
  /// Of a sound that is repeated.
  private let loop: LoopEnds?
  /// Samples a channel that were encoded before the sound's first, and are skipped with the encoder's own.
  private let lead: Int
  /// The last samples of each channel, for the padding behind them.
  private var recent: [[Float]]
  /// Samples a channel that came in, and that were encoded.
  private var appended = 0
  private var encoded = 0
  private var packetsInPage = 0
  private var finished = false

  /// 20 ms at 48 kHz.
  private static let packetSamples = 960
  /// 200 ms a page.
  private static let packetsPerPage = 10
  /// Bits a second that an Opus stream may have.
  public static let bitrates = 6_000...510_000

  /// - Parameters:
  ///   - channels: 1 or 2.
  ///   - bitrate: in bits a second, one of `bitrates`; on average, for the rate is variable.
  ///   - comments: what the file says of itself, in order.
  ///   - inputSampleRate: of the sound before it was resampled to 48 kHz, in hertz, to be shown.
  ///   - serialNumber: of the Ogg stream; streams that are chained to one file must differ in it.
  ///   - loop: of a sound that is repeated: what lies around it is encoded with it, and skipped.
  /// - Throws: `invalidParameter`, `codecFailed`.
  public init(
    channels: Int, bitrate: Int = 128_000, comments: [AudioComment] = [],
    inputSampleRate: Int = 48_000, serialNumber: UInt32, loop: LoopEnds? = nil
  ) throws(AudioIOError) {
    guard Self.bitrates.contains(bitrate) else {
      throw AudioIOError(
        .invalidParameter, field: "bitrate",
        "must be 6000 to 510000 bits per second, not \(bitrate)")
    }
    self.channels = try checkedChannels(channels, limit: 2)
    recent = Array(repeating: [], count: channels)
    encoder = try OpusEncoderHandle(channels: channels, bitrate: bitrate)
    self.loop = loop
    lead = loop?.before[0].count ?? 0
    preSkip = encoder.lookahead + lead
    pages = try OggPageWriter(serialNumber: serialNumber)
    let head = Self.head(channels: channels, preSkip: preSkip, inputSampleRate: inputSampleRate)
    try pages.append(head, granule: 0)
    header = pages.flush()
    try pages.append(try Self.tags(comments), granule: 0)
    header += pages.flush()
    if let loop { header += try encode(loop.before) }
  }

  public func append(_ samples: [[Float]]) throws(AudioIOError) -> [UInt8] {
    let count = try samples.checkedCount(channels: channels)
    guard !finished else {
      throw AudioIOError(
        .invalidSamples, field: "samples", "the samples come after the end of the stream")
    }
    for (channel, values) in samples.enumerated() {
      if let wrong = values.firstIndex(where: { !$0.isFinite }) {
        throw AudioIOError(
          .invalidSamples, field: "samples",
          "number \(appended + wrong) of channel \(channel + 1) is \(values[wrong])")
      }
    }
    appended += count
    for channel in recent.indices {
      recent[channel] = (recent[channel] + samples[channel].suffix(LinearPrediction.memory))
        .suffix(LinearPrediction.memory)
    }
    return try takeHeader() + encode(samples)
  }

  /// Encodes samples, (channel, sample), as far as they fill packets. A packet that reaches `end` is the
  /// last one.
  private func encode(_ samples: [[Float]], end: Int? = nil) throws(AudioIOError) -> [UInt8] {
    var bytes: [UInt8] = []
    for frame in samples[0].indices {
      for channel in samples { pending.append(channel[frame]) }
      if pending.count == Self.packetSamples * channels { bytes += try encodePacket(end: end) }
    }
    return bytes
  }

  public func finish() throws(AudioIOError) -> [UInt8] {
    guard !finished else { return [] }
    finished = true
    let bytes = takeHeader()
    // Decoded sound lags by preSkip, which is positive: so at least one packet is still to come,
    // and the last one carries the end of the stream. What fills it is trimmed again, but a sound
    // that broke off there would be heard before it (RFC 7845, section 6.1).
    let end = preSkip + appended
    let missing =
      (end + Self.packetSamples - 1) / Self.packetSamples * Self.packetSamples - appended - lead
    let padding =
      loop?.behind.map { Array($0.prefix(missing)) }
      ?? recent.map { LinearPrediction.continuation(of: $0, count: missing) }
    return try bytes + encode(padding, end: end)
  }

  private func takeHeader() -> [UInt8] {
    defer { header = [] }
    return header
  }

  /// Encodes `pending`, a whole packet, and returns the page if that is full. A packet that reaches
  /// `end` is the last one.
  private func encodePacket(end: Int? = nil) throws(AudioIOError) -> [UInt8] {
    let packet = try encoder.encode(pending, count: Self.packetSamples)
    pending.removeAll(keepingCapacity: true)
    encoded += Self.packetSamples
    let isLast = end.map { encoded >= $0 } ?? false
    try pages.append(packet, granule: min(encoded, end ?? encoded), endOfStream: isLast)
    packetsInPage += 1
    guard isLast || packetsInPage == Self.packetsPerPage else { return [] }
    packetsInPage = 0
    return pages.flush()
  }

  /// RFC 7845, section 5.1.
  private static func head(channels: Int, preSkip: Int, inputSampleRate: Int) -> [UInt8] {
    var bytes = Array("OpusHead".utf8)
    bytes += [1, UInt8(channels)]
    bytes.appendLittleEndian(UInt16(clamping: preSkip))
    bytes.appendLittleEndian(UInt32(clamping: inputSampleRate))
    // No output gain; mapping family 0.
    bytes += [0, 0, 0]
    return bytes
  }

  /// RFC 7845, section 5.2.
  private static func tags(_ comments: [AudioComment]) throws(AudioIOError) -> [UInt8] {
    try Array("OpusTags".utf8)
      + comments.vorbisComments(vendor: Array(OpusEncoderHandle.version.utf8))
  }
}
