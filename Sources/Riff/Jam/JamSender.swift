import AudioIO

/// The part of a jam that sends its sound, piece by piece, when it is due, and ends it when the caller says so.
///
/// It waits for nothing but the clock and the listener. Owned by one thread at a time.
final class JamSender {
  /// Sample frames of a piece.
  static let piece = ColumnSound.piece
  /// Sample frames over which a jam that is stopped fades out, at most.
  private static let longestFade = 24_000
  /// A jam that is stopped sounds on for so many seconds at least, and without a beat just as long.
  private static let shortestEnd = 0.25
  private static let plainEnd = 0.5
  /// Between two looks at what has happened meanwhile, in seconds.
  private static let glance = 0.1

  private let columns: PaintedColumns
  private let queue: JamQueue
  private let inbox: JamInbox
  private let outlet: JobOutlet
  private let time: any JamTime
  private let encoder: any AudioStreamEncoder
  private let idleSeconds: Double
  private let isClosing: @Sendable () -> Bool
  /// Seconds of a column.
  private let step: Double

  /// Sample frames of the fade at the end.
  private var fade = 0
  private var isStopping = false
  private var lastSent: Double
  /// Whether the listener has nothing left to hear.
  private var hasRunDry = false

  /// - Parameters:
  ///   - columnSeconds: of a column.
  ///   - idleSeconds: after which a jam that nobody listens to ends.
  ///   - isClosing: whether everything is to end.
  init(
    _ columns: PaintedColumns, columnSeconds: Double, encoder: any AudioStreamEncoder,
    queue: JamQueue, inbox: JamInbox, time: any JamTime, outlet: JobOutlet, idleSeconds: Double,
    isClosing: @escaping @Sendable () -> Bool
  ) {
    self.columns = columns
    self.step = columnSeconds
    self.encoder = encoder
    self.queue = queue
    self.inbox = inbox
    self.time = time
    self.outlet = outlet
    self.idleSeconds = idleSeconds
    self.isClosing = isClosing
    self.lastSent = time.now
  }

  /// The first bytes of the stream with its true length; see `AudioStreamEncoder`.
  var finalHead: [UInt8] { self.encoder.finalHead }

  /// Sends what is due.
  ///
  /// - Throws: ``JobError`` of kind `abandoned` where nobody has listened for too long; `AudioIOError`,
  ///   `CancellationError`.
  func step(at now: Double) throws -> JamStep {
    try self.readOrders(at: now)
    let (sent, rate) = (self.queue.sent, SoundPath.sampleRate)
    let piece = min(Self.piece, self.queue.end.map { $0 - sent } ?? .max)
    guard piece > 0 else { return try self.finish() }
    let missing =
      Double(sent + piece) / Double(rate) - 1e-9 - self.queue.limit(at: now)
    guard missing <= 0 else {
      guard now - self.lastSent < self.idleSeconds else {
        throw JobError(
          .abandoned, "nobody has played the jam for \(Int(self.idleSeconds)) seconds")
      }
      return .waits(until: now + min(Self.glance, max(0.001, missing)))
    }
    // What the listener begins with is enough to go on from.
    let lead = Int(JamClock.lead * Double(rate)) / Self.piece * Self.piece
    let isReady =
      self.queue.isUnpaced || self.queue.hasBegun || self.queue.waiting >= lead
      || self.queue.end != nil
    guard isReady, let samples = self.queue.take(piece) else {
      self.noteIfDry(at: now)
      return .waits(until: now + Self.glance)
    }
    let count = samples.first?.count ?? 0
    // The columns ended before the sound should: they do not.
    guard count > 0 else { return try self.finish() }
    let bytes = try self.encoder.append(self.faded(samples, from: sent))
    self.queue.begin(at: now)
    self.lastSent = now
    self.hasRunDry = false
    self.time.note(sent: sent + count)
    let seconds = Double(count) / Double(rate)
    if !bytes.isEmpty {
      try self.outlet.send(.audio(bytes), seconds: seconds, patience: self.idleSeconds)
    }
    try self.outlet.progress(secondsDone: Double(sent + count) / Double(rate))
    return .went
  }

  /// Counts, once, that the listener has heard all while the next piece is still to be made.
  private func noteIfDry(at now: Double) {
    guard !self.hasRunDry, self.queue.hasBegun, let due = self.queue.due(at: now), due <= now
    else { return }
    self.hasRunDry = true
    self.outlet.noteUnderrun()
  }

  private func finish() throws -> JamStep {
    let rest = try self.encoder.finish()
    if !rest.isEmpty { try self.outlet.send(.audio(rest), patience: self.idleSeconds) }
    return .ended
  }

  private func faded(_ samples: [[Float]], from sent: Int) -> [[Float]] {
    guard self.fade > 0, let end = self.queue.end else { return samples }
    var samples = samples
    for channel in samples.indices {
      for index in samples[channel].indices where end - sent - index <= self.fade {
        samples[channel][index] *= (Float(end - sent - index) - 0.5) / Float(self.fade)
      }
    }
    return samples
  }

  private func readOrders(at now: Double) throws {
    let orders = self.inbox.takeOrders()
    if let played = orders.played { self.queue.note(played: played, at: now) }
    guard orders.stops || self.isClosing(), !self.isStopping else { return }
    self.isStopping = true
    self.stop(at: now)
  }

  /// Ends the sound on the next beat, or a moment later where there is none soon.
  private func stop(at now: Double) {
    let sent = self.queue.sent
    let rate = Double(SoundPath.sampleRate)
    var count = 0
    if sent > 0 {
      let place = Double(sent) / rate
      var seconds = Self.plainEnd
      if let beats = self.queue.beats, !self.isClosing() {
        let beat = beats.next(after: (place + Self.shortestEnd) / self.step) * self.step
        if beat <= self.queue.playhead(at: now) + JamPlacement.latest { seconds = beat - place }
      }
      count = max(1, Int((seconds * rate).rounded()))
    }
    self.fade = min(count, Self.longestFade)
    let samples = self.step * rate
    self.columns.close(at: max(1, Int((Double(sent + count) / samples).rounded(.up))))
    self.queue.end(at: sent + count)
  }
}
