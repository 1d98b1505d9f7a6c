internal import GRPCCore
internal import NIOCore
internal import Synchronization

/// What has come in on a stream and waits for its one reader.
///
/// It never holds more than the stream's credit allows the peer to send.
final class InboundBuffer: Sendable {
  private typealias Waiter = CheckedContinuation<InboundPart?, any Error>

  private enum End {
    case regular
    case failed(RPCError)
  }

  private struct State {
    var parts = CircularBuffer<InboundPart>()
    var end: End?
    var waiter: Waiter?

    /// What the reader gets without waiting.
    mutating func ready() -> Result<InboundPart?, RPCError>? {
      if let part = self.parts.popFirst() { return .success(part) }
      switch self.end {
      case .regular: return .success(nil)
      case .failed(let error): return .failure(error)
      case nil: return nil
      }
    }
  }

  private let state = Mutex(State())

  /// Adds a part, or hands it to the reader that waits. Parts after the end are dropped.
  ///
  /// - Returns: Whether the reader has it.
  func push(_ part: InboundPart) -> Bool {
    let waiter = self.state.withLock { state -> Waiter? in
      guard state.end == nil else { return nil }
      if let waiter = state.waiter.take() { return waiter }
      state.parts.append(part)
      return nil
    }
    waiter?.resume(returning: part)
    return waiter != nil
  }

  /// Ends the sequence after what is in the buffer. The first end stands.
  func finish(_ error: RPCError?) {
    let waiter = self.state.withLock { state -> Waiter? in
      guard state.end == nil else { return nil }
      state.end = error.map { .failed($0) } ?? .regular
      return state.waiter.take()
    }
    if let error { waiter?.resume(throwing: error) } else { waiter?.resume(returning: nil) }
  }

  /// What there is without waiting: a part, nil at the regular end, or an `RPCError` at any other, again
  /// and again.
  func poll() -> Result<InboundPart?, RPCError>? {
    self.state.withLock { $0.ready() }
  }

  /// Waits for the next part. A cancelled task calls `onCancel` and gets ``cancelled``.
  func wait(onCancel: @Sendable () -> Void) async throws -> InboundPart? {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (waiter: Waiter) in
        let refusal = self.state.withLock { state -> RPCError? in
          guard state.waiter == nil else {
            return RPCError(code: .internalError, message: "two tasks read one call at once")
          }
          state.waiter = waiter
          return nil
        }
        if let refusal { return waiter.resume(throwing: refusal) }
        // What came between the poll and here, a part, an end or a cancellation, met no waiter.
        self.wakeIfReady()
        if Task.isCancelled { self.wake() }
      }
    } onCancel: {
      onCancel()
      self.wake()
    }
  }

  private func wakeIfReady() {
    let wake = self.state.withLock { state -> (Waiter, Result<InboundPart?, RPCError>)? in
      guard let waiter = state.waiter, let ready = state.ready() else { return nil }
      state.waiter = nil
      return (waiter, ready)
    }
    guard let (waiter, ready) = wake else { return }
    switch ready {
    case .success(let part): waiter.resume(returning: part)
    case .failure(let error): waiter.resume(throwing: error)
    }
  }

  private func wake() {
    let waiter = self.state.withLock { $0.waiter.take() }
    waiter?.resume(throwing: Self.cancelled)
  }

  static let cancelled = RPCError(
    code: .cancelled, message: "the task that read the call was cancelled")
}
