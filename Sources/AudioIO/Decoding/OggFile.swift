/// An Ogg file: its links, one after the other, whatever the codec of each.
final class OggFile: SoundDecoder {
  let sampleRate: Int
  let channels: Int
  var damage: SoundDamage {
    var all = ended
    if !isAtEnd { all.append(decoder.damage, after: before) }
    return all
  }

  private let source: any ByteSource
  /// Links that one decoder plays: libvorbisfile and libopusfile take all that follow one another.
  private let runs: [OggLink]
  private var index = 0
  private var decoder: any SoundDecoder
  /// Seconds before the run being decoded, and of it.
  private var before = 0.0
  private var done = 0.0
  /// Damage of the runs that have ended.
  private var ended = SoundDamage()
  private var isAtEnd = false
  private let isComplete: Bool

  /// - Parameter check: called several times a second of work; what it throws ends the opening.
  /// - Throws: `unsupportedFormat` with the names of its codecs where none is decoded here,
  ///   `damagedFile`, `outOfMemory`, `inputFailed`.
  init(_ source: any ByteSource, check: () throws -> Void) throws {
    self.source = source
    let links = try OggLink.all(in: source, check: check)
    isComplete = links.last.map { $0.codec == nil || $0.isComplete } ?? true
    let (runs, notes) = try Self.runs(links, in: source, check: check)
    self.runs = runs
    ended.notes = notes
    guard let first = runs.first else { throw Self.unsupported(links) }
    decoder = try Self.open(first, in: source)
    sampleRate = decoder.sampleRate
    channels = decoder.channels
  }

  /// What is played, and notes on what is not. A link that cannot be opened is left out, and not found by the
  /// libraries when they look for those behind another one: they would refuse all of them.
  private static func runs(
    _ links: [OggLink], in source: any ByteSource, check: () throws -> Void
  ) throws -> (runs: [OggLink], notes: [String]) {
    var runs: [OggLink] = []
    var notes: [String] = []
    var failure: AudioIOError?
    for link in links {
      guard let codec = link.codec else {
        let names = link.codecs.map(\.name).joined(separator: " and ")
        notes.append("a part of the file was skipped: it holds \(names), which is not decoded")
        continue
      }
      if links.count > 1 {
        try check()
        do throws(AudioIOError) {
          _ = try open(link, in: source)
        } catch {
          guard error.kind == .damagedFile || error.kind == .unsupportedFormat else { throw error }
          failure = failure ?? error
          notes.append("a part of the file was skipped: \(error.message)")
          continue
        }
      }
      if let last = runs.last, last.codec == codec, codec != .flac,
        last.range.upperBound == link.range.lowerBound
      {
        runs[runs.count - 1].range = last.range.lowerBound..<link.range.upperBound
      } else {
        runs.append(link)
      }
    }
    if runs.isEmpty, let failure { throw failure }
    return (runs, notes)
  }

  private static func open(
    _ run: OggLink, in source: any ByteSource
  ) throws(AudioIOError) -> any SoundDecoder {
    let slice = ByteSlice(source, run.range)
    return switch run.codec {
    case .opus: try OpusFile(slice)
    case .flac: try FLACFile(slice, isOgg: true)
    default: try VorbisFile(slice)
    }
  }

  private static func unsupported(_ links: [OggLink]) -> AudioIOError {
    let names = links.first?.codecs.map(\.name).filter { !$0.isEmpty } ?? []
    guard !names.isEmpty else {
      return AudioIOError(
        .damagedFile, field: "audio", "no stream of sound begins in this Ogg file")
    }
    return .unsupported(
      "an Ogg file that holds \(names.joined(separator: " and "))", fileExtension: "ogg")
  }

  /// Of one run; what others add only they can tell.
  var duration: Double? { runs.count == 1 ? decoder.duration : nil }

  func seek(to seconds: Double) throws(AudioIOError) -> Double {
    while index + 1 < runs.count, let length = decoder.duration, before + length <= seconds {
      try enterNext(after: length)
    }
    let reached = try decoder.seek(to: seconds - before)
    done = reached
    return before + reached
  }

  func next() throws(AudioIOError) -> SoundBlock? {
    while true {
      if let block = try decoder.next() {
        done += Double(block.frames) / Double(block.sampleRate)
        return block
      }
      guard index + 1 < runs.count else {
        if !isAtEnd {
          isAtEnd = true
          ended.append(decoder.damage, after: before)
          if !isComplete {
            ended.notes.append(
              "the file is cut off after \(Seconds.text(before + done)) s: its last Ogg page is missing"
            )
          }
        }
        return nil
      }
      try enterNext(after: done)
    }
  }

  private func enterNext(after seconds: Double) throws(AudioIOError) {
    ended.append(decoder.damage, after: before)
    before += seconds
    done = 0
    index += 1
    decoder = try Self.open(runs[index], in: source)
  }
}
