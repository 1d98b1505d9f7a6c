import Dispatch
import Synchronization

/// The passage from a job's worker thread, which blocks, to its listener, which awaits.
///
/// One producer and one consumer; other threads of the job may send what has no payload. The producer waits while
/// more than ``lead`` seconds of sound, or ``capacity`` bytes, lie untaken, so a slow listener slows its own job and
/// memory stays bounded. Events without a payload never wait; of progress that nobody takes only the last is kept, and
/// of warnings the first ones: each change of a jam that is refused makes one. Cancelling wakes the producer; the
/// consumer gets its `CancellationError` only when the producer has ended, so that "the call is over" means "the work
/// has stopped".
package final class JobChannel: Sendable {
  private typealias Consumer = CheckedContinuation<JobEvent?, any Error>

  private struct State {
    var events: [(event: JobEvent, seconds: Double)] = []
    var bytes = 0
    var seconds = 0.0
    var consumer: Consumer?
    var producerWaits = false
    var isCancelled = false
    /// Set once, by the producer's end.
    var outcome: Result<Void, any Error>?
    var wakeOnCancel: (@Sendable () -> Void)?

    /// Appends an event, or hands it over if the consumer waits for one.
    mutating func send(_ event: JobEvent, _ seconds: Double) -> Consumer? {
      if let consumer = self.consumer {
        self.consumer = nil
        return consumer
      }
      if case .progress = event, self.events.count >= JobChannel.keptEvents,
        case .progress = self.events[self.events.count - 1].event
      {
        self.events[self.events.count - 1] = (event, 0)
        return nil
      }
      if case .warning = event, self.events.count >= JobChannel.mostEvents { return nil }
      self.events.append((event, seconds))
      self.bytes += event.payloadBytes
      self.seconds += seconds
      return nil
    }

    /// Whether an event has to wait for others to be taken.
    func isFull(for event: JobEvent, _ seconds: Double) -> Bool {
      guard event.payloadBytes > 0, self.bytes > 0 else { return false }
      return self.bytes + event.payloadBytes > JobChannel.capacity
        || (seconds > 0 && self.seconds > 0 && self.seconds + seconds > JobChannel.lead)
    }

    mutating func takeEvent() -> JobEvent? {
      guard !self.isCancelled, !self.events.isEmpty else { return nil }
      let (event, seconds) = self.events.removeFirst()
      self.bytes -= event.payloadBytes
      self.seconds = self.events.isEmpty ? 0 : self.seconds - seconds
      return event
    }
  }

  /// Bytes of events that may lie untaken before the producer waits.
  package static let capacity = 512 << 10
  /// Seconds of sound that may lie untaken before the producer waits.
  package static let lead = 10.0
  /// From so many untaken events on, progress takes the place of the progress before it.
  private static let keptEvents = 64
  /// From so many untaken events on, warnings are dropped.
  package static let mostEvents = 1_024

  private let state = Mutex(State())
  private let space = DispatchSemaphore(value: 0)

  package init() {}

  // MARK: Producer, on the worker thread

  /// Throws `CancellationError` once the job is cancelled.
  package func checkCancellation() throws {
    if self.state.withLock({ $0.isCancelled }) { throw CancellationError() }
  }

  /// Hands an event over, waiting for room first.
  ///
  /// - Parameters:
  ///   - seconds: of sound in the event.
  ///   - patience: seconds to wait at most.
  /// - Throws: `CancellationError`; ``JobError`` of kind `abandoned` where the patience ends.
  package func send(
    _ event: JobEvent, seconds: Double = 0, patience: Double = .infinity
  ) throws {
    let end = ContinuousClock.now + .seconds(min(patience, 1e9))
    while true {
      enum Step { case sent(Consumer?), wait, cancelled }
      let step: Step = self.state.withLock { state in
        if state.isCancelled { return .cancelled }
        if state.isFull(for: event, seconds) {
          state.producerWaits = true
          return .wait
        }
        return .sent(state.send(event, seconds))
      }
      switch step {
      case .sent(let consumer):
        consumer?.resume(returning: event)
        return
      case .wait:
        guard patience < .infinity else {
          self.space.wait()
          continue
        }
        let left = (end - ContinuousClock.now) / .seconds(1)
        guard left > 0 else {
          self.state.withLock { $0.producerWaits = false }
          throw JobError(.abandoned, "nobody took the job's sound for \(Int(patience)) seconds")
        }
        _ = self.space.wait(timeout: .now() + left)
      case .cancelled:
        throw CancellationError()
      }
    }
  }

  /// Ends the sequence. Only the first call has an effect.
  package func finish(_ outcome: Result<Void, any Error>) {
    let consumer = self.state.withLock { state -> Consumer? in
      guard state.outcome == nil else { return nil }
      state.outcome = outcome
      defer { state.consumer = nil }
      return state.consumer
    }
    consumer?.resume(with: outcome.map { nil })
  }

  /// Runs `body`, which may block, and calls `wake` from any thread if the job is cancelled
  /// meanwhile or was before; and so whatever is called around `body` already.
  package func withCancellationWake<R>(
    _ wake: @escaping @Sendable () -> Void, _ body: () throws -> R
  ) rethrows -> R {
    let (isCancelled, outer) = self.state.withLock { state in
      let outer = state.wakeOnCancel
      state.wakeOnCancel = {
        outer?()
        wake()
      }
      return (state.isCancelled, outer)
    }
    if isCancelled { wake() }
    defer { self.state.withLock { $0.wakeOnCancel = outer } }
    return try body()
  }

  // MARK: Consumer

  /// The next event; `nil` at the end.
  package func next() async throws -> JobEvent? {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: Consumer) in
        var wakesProducer = false
        let result: Result<JobEvent?, any Error>? = self.state.withLock { state in
          if let event = state.takeEvent() {
            wakesProducer = state.producerWaits
            state.producerWaits = false
            return .success(event)
          }
          if let outcome = state.outcome { return outcome.map { nil } }
          precondition(state.consumer == nil, "a job's events have one listener")
          state.consumer = continuation
          return nil
        }
        if wakesProducer { self.space.signal() }
        if let result { continuation.resume(with: result) }
      }
    } onCancel: {
      self.cancel()
    }
  }

  /// Tells the producer to stop. What was not taken yet is dropped.
  package func cancel() {
    let (wakesProducer, wake) = self.state.withLock { state in
      guard !state.isCancelled else { return (false, (@Sendable () -> Void)?.none) }
      state.isCancelled = true
      state.events.removeAll()
      state.bytes = 0
      state.seconds = 0
      defer { state.producerWaits = false }
      return (state.producerWaits, state.wakeOnCancel)
    }
    if wakesProducer { self.space.signal() }
    wake?()
  }
}
