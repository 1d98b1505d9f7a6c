import Synchronization

/// What a jam's three threads share: the sound that has been made and not sent, how far it has been heard, and
/// how it ends. The recovery (``JamVoice``) fills it no further than it is told to, ``JamSender`` empties it
/// by the clock, and ``Jam`` paints by what it says.
final class JamQueue: Sendable {
  /// How far a phase recovery is, in columns.
  struct Reach {
    /// That have become sound.
    var done = 0
    /// That there have to be before the next block is made.
    var required = 0
    /// Of a block.
    var block = 1
  }

  private struct State {
    /// Made and not sent, (channel, sample).
    var ready: [[Float]]
    /// Sample frames that have been made, and sent.
    var made = 0
    var sent = 0
    /// Where the sound ends, in sample frames; nil: nowhere yet.
    var end: Int?
    /// Whether no more is made.
    var isFlushed = false
    var clock: JamClock
    var quality = JamQuality()
    var beats: Beats?
    var reach = Reach()
    /// Seconds that a block took lately.
    var blockSeconds = 0.0
    var isOver = false
    var failure: (any Error)?

    var sentSeconds: Double { Double(sent) / JamQueue.rate }

    mutating func playhead(_ now: Double) -> Double {
      self.clock.playhead(sent: self.sentSeconds, at: now)
    }
  }

  /// Wake the threads that paint, recover and send.
  let painter = Bell()
  let voice = Bell()
  let sender = Bell()
  let isUnpaced: Bool

  private static let rate = Double(SoundPath.sampleRate)
  /// Seconds that the next block needs before the listener runs out of sound: so much, and as many times
  /// what blocks took; at most the last.
  private static let margin = 0.15
  private static let marginBlocks = 2.0
  private static let largestMargin = 0.6

  private let state: Mutex<State>

  init(channels: Int, clock: JamClock) {
    self.isUnpaced = clock.isUnpaced
    self.state = Mutex(
      State(ready: Array(repeating: [], count: channels), clock: clock))
  }

  // MARK: Sound

  /// Sample frames that wait to be sent.
  var waiting: Int { self.state.withLock { $0.made - $0.sent } }
  var made: Int { self.state.withLock { $0.made } }
  var sent: Int { self.state.withLock { $0.sent } }
  /// Where the sound ends; nil: nowhere yet.
  var end: Int? { self.state.withLock { $0.end } }
  /// Whether no more is made.
  var isFlushed: Bool { self.state.withLock { $0.isFlushed } }

  /// Adds what has been made, (channel, sample).
  func append(_ samples: [[Float]], isLast: Bool = false) {
    self.state.withLock { state in
      for (channel, values) in samples.enumerated() { state.ready[channel] += values }
      state.made += samples.first?.count ?? 0
      if isLast { state.isFlushed = true }
    }
    self.sender.ring()
  }

  /// The next `count` sample frames as (channel, sample), or fewer where no more are made; nil where they
  /// are not there yet.
  func take(_ count: Int) -> [[Float]]? {
    let taken = self.state.withLock { state -> [[Float]]? in
      let there = state.made - state.sent
      guard there >= count || state.isFlushed else { return nil }
      let count = min(count, there)
      defer {
        for channel in state.ready.indices { state.ready[channel].removeFirst(count) }
        state.sent += count
      }
      return state.ready.map { Array($0.prefix(count)) }
    }
    if taken != nil { self.voice.ring() }
    return taken
  }

  /// Ends the sound at a sample frame.
  func end(at sample: Int) {
    self.state.withLock { $0.end = sample }
    self.voice.ring()
    self.painter.ring()
  }

  // MARK: Time

  /// Whether sound has left.
  var hasBegun: Bool { self.state.withLock { $0.clock.hasBegun } }

  /// Notes that sound leaves.
  func begin(at now: Double) { self.state.withLock { $0.clock.begin(at: now) } }

  /// Notes that so many sample frames have been heard.
  func note(played samples: UInt64, at now: Double) {
    self.state.withLock { state in
      state.clock.note(played: Double(samples) / Self.rate, sent: state.sentSeconds, at: now)
    }
  }

  /// What is heard now, in seconds of sound.
  func playhead(at now: Double) -> Double { self.state.withLock { $0.playhead(now) } }

  /// Seconds of sound up to which it may leave.
  func limit(at now: Double) -> Double {
    self.state.withLock { state in state.clock.limit(sent: state.sentSeconds, at: now) }
  }

  /// When the listener has heard all that was sent; nil where nobody waits for it.
  func due(at now: Double) -> Double? {
    guard !self.isUnpaced else { return nil }
    return self.state.withLock { state in now + state.sentSeconds - state.playhead(now) }
  }

  /// Seconds until the listener has heard all that was made, in whole pieces.
  func slack(at now: Double) -> Double {
    guard !self.isUnpaced else { return .infinity }
    return self.state.withLock { state in
      state.clock.hasBegun ? Self.seconds(sendable: state.made) - state.playhead(now) : .infinity
    }
  }

  /// Seconds of ``slack(at:)`` under which the next block has to be begun.
  var margin: Double {
    let block = self.state.withLock { $0.blockSeconds }
    return min(Self.margin + Self.marginBlocks * block, Self.largestMargin)
  }

  /// Seconds until the next block must be begun, if columns from `column` on are not there before.
  ///
  /// - Parameter step: seconds of a column.
  func seconds(before column: Int, step: Double, at now: Double) -> Double {
    guard !self.isUnpaced else { return .infinity }
    let margin = self.margin
    return self.state.withLock { state in
      guard state.clock.hasBegun else { return .infinity }
      let missing = column - state.reach.required
      let done =
        state.reach.done + (missing < 0 ? 0 : (missing / state.reach.block + 1) * state.reach.block)
      // What the filters hold back will be held back then, too.
      let more = Int((Double(done - state.reach.done) * step * Self.rate).rounded())
      return Self.seconds(sendable: state.made + more) - state.playhead(now) - margin
    }
  }

  /// Seconds of whole pieces in so many sample frames: less is not sent.
  private static func seconds(sendable samples: Int) -> Double {
    Double(samples / JamSender.piece * JamSender.piece) / Self.rate
  }

  /// Notes how far the recovery is, and what its last block took.
  func note(_ reach: Reach, seconds: Double? = nil) {
    self.state.withLock { state in
      state.reach = reach
      guard let seconds else { return }
      state.blockSeconds +=
        (seconds - state.blockSeconds) * (seconds > state.blockSeconds ? 0.5 : 0.1)
    }
  }

  // MARK: Music

  /// The beat of what is painted; nil where there is none.
  var beats: Beats? { self.state.withLock { $0.beats } }

  func note(_ beats: Beats?) { self.state.withLock { $0.beats = beats } }

  // MARK: Quality

  var level: JamQuality.Level { self.state.withLock { $0.quality.level } }

  /// See ``JamQuality/note(_:steps:at:)``.
  func note(
    _ possible: JamQuality.Level, steps: (Int, of: Int)? = nil, at now: Double
  ) -> String? {
    self.state.withLock { $0.quality.note(possible, steps: steps, at: now) }
  }

  // MARK: The end

  /// Whether all is over.
  var isOver: Bool { self.state.withLock { $0.isOver } }
  /// Why it broke off, if it did.
  var failure: (any Error)? { self.state.withLock { $0.failure } }

  /// Ends all, by a failure or because everything has been sent. Only the first call has an effect.
  func finish(_ failure: (any Error)? = nil) {
    self.state.withLock { state in
      guard !state.isOver else { return }
      state.isOver = true
      state.failure = failure
    }
    for bell in [self.painter, self.voice, self.sender] { bell.ring() }
  }

  /// - Throws: `CancellationError` when all is over.
  func check() throws {
    if self.isOver { throw CancellationError() }
  }
}
