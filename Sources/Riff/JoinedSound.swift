import AudioIO
import Cores
import Provenance
import Spectrogram

/// A clip and what was painted behind its end, or before its beginning, as one stream. It leaves as far as the
/// columns are there (``play(_:)``).
///
/// Owned by one thread at a time.
final class JoinedSound {
  /// What the stream consists of, one after another.
  private enum Part {
    /// Samples of the clip.
    case clip(Range<Int>)
    /// So many samples that were painted and are not heard.
    case skipped(Int)
    /// So many samples that were painted.
    case painted(Int)
    /// Samples of the clip that turn into painted ones, or painted ones that turn into these.
    case joint(Range<Int>, leadsToClip: Bool)
  }

  /// Sample frames over which the clip turns into what was painted, or that into the clip.
  static let joint = 2_880

  private let clip: SpooledSound
  private let samples: ColumnSamples
  private let encoder: any AudioStreamEncoder
  private var parts: ArraySlice<Part>
  private var fade: Fade
  private var sent = 0
  /// When the first sound left, on the engine's clock.
  private var start: Double?

  /// - Parameters:
  ///   - samples: of what was painted; what they have of the clip lies at their beginning, or at their end where
  ///     that comes before the clip.
  ///   - skipped: of them before those that are added: all that lies before the clip's end, or what is more than
  ///     was asked for before the clip. At least ``joint`` behind a clip.
  ///   - added: of them to be heard, beside the joint.
  ///   - isBefore: whether they lead to the clip.
  ///   - recipe: what the file says of itself.
  /// - Throws: the rooms' errors.
  init(
    _ clip: SpooledSound, _ samples: ColumnSamples, skipped: Int, added: Int, isBefore: Bool,
    output: OutputFormat, fadeMilliseconds: Int, recipe: Recipe
  ) throws {
    self.clip = clip
    self.samples = samples
    let joint = min(Self.joint, clip.sampleCount)
    if isBefore {
      self.parts = [
        .skipped(skipped), .painted(added), .joint(0..<joint, leadsToClip: true),
        .clip(joint..<clip.sampleCount),
      ]
    } else {
      let middle = clip.sampleCount - joint
      self.parts = [
        .clip(0..<middle), .skipped(skipped - joint),
        .joint(middle..<clip.sampleCount, leadsToClip: false), .painted(added),
      ]
    }
    self.fade = Fade(milliseconds: fadeMilliseconds, sampleCount: clip.sampleCount + added)
    self.encoder = try output.makeEncoder(
      channels: clip.channelCount, comments: recipe.tags.map { AudioComment($0.key, $0.value) },
      inputSampleRate: clip.sampleRate,
      serialNumber: UInt32(truncatingIfNeeded: recipe.fingerprint.value))
  }

  /// When whoever hears it as it leaves runs out of it, on the engine's clock; nil where none has left.
  var due: Double? { self.start.map { $0 + Double(self.sent) / Double(SoundPath.sampleRate) } }

  /// Sends what can be made of the columns that are there.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func play(_ context: JobContext) throws {
    while let part = self.parts.first {
      let rest: Part?
      switch part {
      case .clip(let range):
        // A second at a time.
        let end = min(range.lowerBound + SoundPath.sampleRate, range.upperBound)
        try self.send(self.clip.samples(range.lowerBound..<end), context)
        rest = end < range.upperBound ? .clip(end..<range.upperBound) : nil
      case .skipped(let count):
        let piece = min(count, ColumnSound.piece)
        guard try self.isThere(piece, context) else { return }
        _ = self.samples.take(piece)
        rest = count > piece ? .skipped(count - piece) : nil
      case .painted(let count):
        let piece = min(count, ColumnSound.piece)
        guard try self.isThere(piece, context) else { return }
        try self.send(self.taken(piece), context)
        rest = count > piece ? .painted(count - piece) : nil
      case .joint(let range, let leadsToClip):
        guard try self.isThere(range.count, context) else { return }
        let (own, painted) = (try self.clip.samples(range), self.taken(range.count))
        try self.send(
          leadsToClip ? Self.turned(painted, into: own) : Self.turned(own, into: painted), context)
        rest = nil
      }
      self.parts.removeFirst()
      if let rest { self.parts = [rest] + self.parts }
    }
  }

  /// Sends the rest of the stream, and returns what was made.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func finish(_ context: JobContext) throws -> JobSummary {
    let bytes = try self.encoder.finish()
    if !bytes.isEmpty { try context.send(.audio(bytes)) }
    return JobSummary(
      sampleCount: self.sent, channelCount: self.clip.channelCount, head: self.encoder.finalHead)
  }

  private func send(_ samples: [[Float]], _ context: JobContext) throws {
    let rate = Double(SoundPath.sampleRate)
    self.sent += samples[0].count
    let bytes = try self.encoder.append(self.fade.process(samples))
    if !bytes.isEmpty {
      try context.send(.audio(bytes), seconds: Double(samples[0].count) / rate)
      self.start = self.start ?? context.seat.now
    }
    try context.progress(.sound, secondsDone: Double(self.sent) / rate)
  }

  /// Whether so many painted samples are finished, once all are that can be.
  private func isThere(_ count: Int, _ context: JobContext) throws -> Bool {
    while self.samples.waiting < count, self.samples.canGoOn {
      context.expect(Need(due: self.due ?? context.seat.now, unit: 0.1))
      try context.withTurn { turn in
        try self.samples.make { try turn.checkpoint() }
      }
    }
    return self.samples.waiting >= count
  }

  private func taken(_ count: Int) -> [[Float]] {
    Self.brought(self.samples.take(count), to: self.clip.channelCount)
  }

  /// A picture's sound in as many channels as a clip has, one or two.
  static func brought(_ samples: [[Float]], to channels: Int) -> [[Float]] {
    if channels > samples.count { return Array(repeating: samples[0], count: channels) }
    guard channels < samples.count else { return samples }
    return [zip(samples[0], samples[1]).map { ($0 + $1) / 2 }]
  }

  /// One sound turning into another of its length; their phases have nothing to do with each other, so powers
  /// add up.
  private static func turned(_ before: [[Float]], into after: [[Float]]) -> [[Float]] {
    zip(before, after).map { before, after in
      before.indices.map { index in
        let share = (Float(index) + 0.5) / Float(before.count)
        return (1 - share).squareRoot() * before[index] + share.squareRoot() * after[index]
      }
    }
  }
}
