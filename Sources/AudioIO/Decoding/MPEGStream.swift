/// Frames of one form that belong together: a file, or one of several that were joined.
struct MPEGStream {
  /// Form of its frames.
  var header: MPEGHeader
  /// What its first frame said.
  var info: MPEGInfo?
  /// Where its first frame is.
  let start: Int
  /// Frames of sound there are.
  private(set) var count = 0
  /// Where every so many of its frames begin.
  private(set) var marks: [Int] = []

  init(header: MPEGHeader, info: MPEGInfo? = nil, start: Int) {
    self.header = header
    self.info = info
    self.start = start
  }

  /// Enters its next frame of sound.
  mutating func append(at place: Int) {
    if count % Self.stride == 0 { marks.append(place) }
    count += 1
  }

  /// Frames from one mark to the next.
  static let stride = 128
  /// Sample frames that a decoder of layer III is behind by.
  private static let decoderDelay = 529

  /// Sample frames before the sound.
  var lead: Int { info?.delay.map { $0 + Self.decoderDelay } ?? 0 }

  /// Sample frames to the sound's end, the lead included.
  var end: Int {
    let all = count * header.frames
    guard let info, let padding = info.padding, info.frames == count else { return all }
    return max(lead, all - max(0, padding - Self.decoderDelay))
  }

  /// In seconds.
  var duration: Double { Double(max(0, end - lead)) / Double(header.sampleRate) }

  /// Frames that are missing at its end.
  var missing: Int { max(0, (info?.frames ?? 0) - count) }
}
