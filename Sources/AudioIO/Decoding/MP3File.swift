internal import CMPG123

/// An MPEG audio file, layers I to III, decoded by libmpg123 frame by frame: where the frames are is
/// found here, for libmpg123 does not tell what it passes over.
final class MP3File: SoundDecoder {
  let sampleRate: Int
  let channels: Int
  let duration: Double?
  private(set) var damage = SoundDamage()

  private let source: any ByteSource
  /// One after the other.
  private let streams: [MPEGStream]
  private let decoder: MPEGDecoder
  private var frames: MPEGFrames
  /// The stream being decoded, its next frame, and the sample frame of it that is to come next.
  private var index = 0
  private var frame = 0
  private var due: Int
  /// Seconds before the stream being decoded.
  private var before = 0.0
  private var isAtEnd = false

  /// Frames that are decoded before the first that is wanted, so that it has the bits that it
  /// borrows from them.
  private static let preroll = 32
  /// Streams that a file may be joined of.
  private static let limit = 10_000

  /// - Parameter check: called several times a second of work; what it throws ends the opening.
  /// - Throws: `damagedFile` where no frames are found, `codecFailed`, `inputFailed`.
  init(_ source: any ByteSource, check: () throws -> Void) throws {
    self.source = source
    streams = try Self.streams(in: source, check: check)
    guard let first = streams.first else {
      throw AudioIOError(.damagedFile, field: "audio", "the file has no MP3 frames")
    }
    sampleRate = first.header.sampleRate
    channels = first.header.channels
    duration = streams.reduce(0) { $0 + $1.duration }
    decoder = try MPEGDecoder()
    frames = MPEGFrames(source, at: first.start)
    due = first.lead
    if first.start > 0, let junk = try Self.junk(before: first.start, in: source) {
      damage.notes.append(junk)
    }
  }

  /// All frames, in the streams that they belong to.
  private static func streams(
    in source: any ByteSource, check: () throws -> Void
  ) throws -> [MPEGStream] {
    var frames = MPEGFrames(source)
    var streams: [MPEGStream] = []
    while let item = try frames.next() {
      switch item {
      case .info(let info, let header, let place):
        streams.append(MPEGStream(header: header, info: info, start: place))
      case .frame(let header, let place):
        if streams.last.map({ !$0.header.isLike(header) }) ?? true {
          streams.append(MPEGStream(header: header, start: place))
        }
        streams[streams.count - 1].append(at: place)
        if streams[streams.count - 1].count % 1_024 == 0 { try check() }
      case .gap, .cut: continue
      }
      guard streams.count <= limit else {
        throw AudioIOError(
          .damagedFile, field: "audio", "it is joined of more than \(limit) MP3 streams")
      }
    }
    return streams.filter { $0.count > 0 }
  }

  /// A sentence on bytes before the first frame that are not a tag.
  private static func junk(
    before start: Int, in source: any ByteSource
  ) throws(AudioIOError) -> String? {
    var frames = MPEGFrames(source)
    guard case .gap(let bytes, _)? = try frames.next() else { return nil }
    return "\(bytes) bytes before the first MP3 frame were skipped"
  }

  func seek(to seconds: Double) throws(AudioIOError) -> Double {
    while index + 1 < streams.count, before + streams[index].duration <= seconds {
      before += streams[index].duration
      index += 1
    }
    let stream = streams[index]
    let wanted =
      stream.lead + Int((seconds - before) * Double(stream.header.sampleRate))
    let target = max(0, min(wanted, stream.end) / stream.header.frames - Self.preroll)
    let mark = target / MPEGStream.stride
    frames = MPEGFrames(source, at: stream.marks[mark])
    frame = mark * MPEGStream.stride
    // Frames up to the one where decoding begins are only counted.
    while frame < target, let item = try frames.next() {
      if case .frame = item { frame += 1 }
    }
    due = max(stream.lead, min(wanted, stream.end))
    return before + Double(due - stream.lead) / Double(stream.header.sampleRate)
  }

  func next() throws(AudioIOError) -> SoundBlock? {
    while !isAtEnd {
      guard let item = try frames.next() else {
        isAtEnd = true
        noteMissing()
        return nil
      }
      switch item {
      case .info:
        if frame > 0 { try enterNext() }
      case .frame(let header, let place):
        if !header.isLike(streams[index].header) { try enterNext() }
        if let block = try decode(header, at: place) { return block }
      case .gap(_, let count):
        decoder.reset()
        if frame > 0 {
          damage.skip(count * Double(streams[index].header.frames) / rate, at: position)
        }
      case .cut(let header):
        if streams[index].info?.frames == nil { damage.missing += Double(header.frames) / rate }
      }
    }
    return nil
  }

  private var rate: Double { Double(streams[index].header.sampleRate) }

  /// Seconds of sound before the next sample frame.
  private var position: Double { before + Double(due - streams[index].lead) / rate }

  private func enterNext() throws(AudioIOError) {
    guard index + 1 < streams.count else { return }
    noteMissing()
    before += streams[index].duration
    index += 1
    frame = 0
    due = streams[index].lead
    decoder.reset()
  }

  /// Notes what the stream that has ended should have had.
  private func noteMissing() {
    let skipped = damage.places > 0 ? damage.skipped : 0
    let missing = Double(streams[index].missing * streams[index].header.frames) / rate
    if missing > skipped { damage.missing += missing - skipped }
  }

  /// The part of a frame's sound that is due; nil where that is none of it.
  private func decode(_ header: MPEGHeader, at place: Int) throws(AudioIOError) -> SoundBlock? {
    let stream = streams[index]
    let start = frame * header.frames
    frame += 1
    let bytes = try source.bytes(place..<place + header.size)
    let samples = try decoder.decode(bytes, frames: header.frames, channels: header.channels)
    let end = min(start + header.frames, stream.end)
    guard due < end else { return nil }
    let block = samples ?? [Float](repeating: 0, count: header.frames * header.channels)
    if samples == nil { damage.skip(Double(end - due) / rate, at: position) }
    let from = max(due, start)
    due = end
    return SoundBlock(
      sampleRate: header.sampleRate, channels: header.channels,
      samples: Array(block[(from - start) * header.channels..<(end - start) * header.channels]))
  }
}
