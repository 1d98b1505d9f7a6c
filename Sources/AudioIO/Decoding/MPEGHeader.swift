/// The header of an MPEG audio frame (ISO 11172-3 2.4.1.3, ISO 13818-3, and the unofficial 2.5).
struct MPEGHeader: Equatable {
  /// 1, 2, or 2.5 as 3.
  let version: Int
  let layer: Int
  /// In hertz.
  let sampleRate: Int
  let channels: Int
  /// Bytes of the frame, header included.
  let size: Int
  /// Whether a check sum of two bytes follows the header.
  let isProtected: Bool

  static let length = 4

  /// Nil where the four bytes are not a header; free-format frames, whose size no header tells,
  /// are none either.
  init?(_ bytes: some Collection<UInt8>) {
    var iterator = bytes.makeIterator()
    guard let first = iterator.next(), first == 0xFF, let second = iterator.next(),
      second & 0xE0 == 0xE0, let third = iterator.next(), let fourth = iterator.next()
    else { return nil }
    let versions = [3, 0, 2, 1]
    version = versions[Int(second >> 3) & 3]
    layer = 4 - Int(second >> 1) & 3
    isProtected = second & 1 == 0
    let bitrateIndex = Int(third >> 4)
    let rateIndex = Int(third >> 2) & 3
    guard version != 0, layer != 4, bitrateIndex != 0, bitrateIndex != 15, rateIndex != 3,
      fourth & 3 != 2
    else { return nil }
    sampleRate = [44_100, 48_000, 32_000][rateIndex] / [1, 1, 2, 4][version]
    channels = fourth >> 6 == 3 ? 1 : 2
    let bitrate = 1_000 * Self.bitrates(version: version, layer: layer)[bitrateIndex]
    let padding = Int(third >> 1) & 1
    size =
      switch (layer, version) {
      case (1, _): (12 * bitrate / sampleRate + padding) * 4
      case (3, 2...): 72 * bitrate / sampleRate + padding
      default: 144 * bitrate / sampleRate + padding
      }
  }

  /// Sample frames.
  var frames: Int { layer == 1 ? 384 : layer == 3 && version > 1 ? 576 : 1_152 }

  /// Whether both can be of one stream.
  func isLike(_ other: MPEGHeader) -> Bool {
    version == other.version && layer == other.layer && sampleRate == other.sampleRate
      && channels == other.channels
  }

  /// Bytes of layer III's side information.
  var sideInformation: Int {
    version == 1 ? (channels == 1 ? 17 : 32) : (channels == 1 ? 9 : 17)
  }

  /// Thousands of bits a second.
  private static func bitrates(version: Int, layer: Int) -> [Int] {
    switch (version, layer) {
    case (1, 1): [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448]
    case (1, 2): [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384]
    case (1, _): [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
    case (_, 1): [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256]
    default: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
    }
  }
}
