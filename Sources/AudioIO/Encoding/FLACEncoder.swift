internal import CSndFile

/// Sound to a FLAC file (RFC 9639) at 48 kHz, through libsndfile.
///
/// The length and the checksum of the sound, which its head has, are unknown at first and say so;
/// ``finalHead`` has them.
public final class FLACEncoder: AudioStreamEncoder {
  public let channels: Int

  private let writer: SoundFileWriter
  private let comments: [AudioComment]
  private let shift: Int32
  private var quantizer: Quantizer
  /// The file's first bytes, until all of its metadata is there.
  private var start: [UInt8]? = []

  /// The mark and STREAMINFO, which is the first block and has this size.
  private static let streamInfoEnd = 42

  /// - Parameters:
  ///   - channels: 1 or 2.
  ///   - format: 16 or 24 bits.
  ///   - comments: what the file says of itself.
  /// - Throws: `invalidParameter`, `codecFailed`.
  public init(
    channels: Int, format: SampleFormat, comments: [AudioComment] = []
  ) throws(AudioIOError) {
    self.channels = try checkedChannels(channels, limit: 2)
    let (bits, code): (Int, Int)
    switch format {
    case .signed16: (bits, code) = (16, SF_FORMAT_PCM_16)
    case .signed24: (bits, code) = (24, SF_FORMAT_PCM_24)
    case .float32:
      throw AudioIOError(
        .invalidParameter, field: "sample_format",
        "must be 16 or 24 bits for FLAC, which has no floats")
    }
    try comments.check()
    self.comments = comments
    quantizer = Quantizer(bits: bits)
    shift = Int32(32 - bits)
    // Level 5 of 8, the flac program's own.
    writer = try SoundFileWriter(
      "FLAC", format: SF_FORMAT_FLAC | code, channels: channels, compression: 5.0 / 8)
  }

  public func append(_ samples: [[Float]]) throws(AudioIOError) -> [UInt8] {
    let count = try samples.checkedCount(channels: channels)
    let steps = try quantizer.interleave(samples, count: count)
    try writer.write(steps.map { $0 << shift })
    return try withComments(writer.file.take())
  }

  public func finish() throws(AudioIOError) -> [UInt8] {
    try writer.close()
    return try withComments(writer.file.take())
  }

  public var finalHead: [UInt8] {
    writer.file.rewritten > 0 ? Array(writer.file.head.prefix(Self.streamInfoEnd)) : []
  }

  /// Puts our comments in the place of libFLAC's, of which libsndfile only knows a few.
  private func withComments(_ bytes: [UInt8]) throws(AudioIOError) -> [UInt8] {
    guard var start else { return bytes }
    start += bytes
    guard let metadata = FLACMetadata(start) else {
      self.start = start
      return []
    }
    self.start = nil
    let comments = try self.comments.vorbisComments(vendor: metadata.vendor)
    // The last block, type 4, with a length of 24 bits: the comments are smaller.
    let length = UInt32(comments.count)
    return Array(start.prefix(Self.streamInfoEnd))
      + [0x84, UInt8(length >> 16 & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF)]
      + comments + start.dropFirst(metadata.end)
  }
}

/// Where the metadata of a FLAC file ends, and who made it (RFC 9639, section 8).
private struct FLACMetadata {
  /// Bytes before the first frame.
  var end = 4
  var vendor: [UInt8] = []

  /// `nil` while there are not all blocks.
  init?(_ bytes: [UInt8]) {
    var isLast = false
    while !isLast {
      guard bytes.count >= end + 4 else { return nil }
      isLast = bytes[end] & 0x80 != 0
      let kind = bytes[end] & 0x7F
      let length = bytes[end + 1..<end + 4].reduce(0) { $0 << 8 | Int($1) }
      let content = end + 4
      end = content + length
      guard bytes.count >= end else { return nil }
      if kind == 4, length >= 4 {
        let count = bytes[content..<content + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
        vendor = Array(bytes[(content + 4)..<end].prefix(count))
      }
    }
  }
}
