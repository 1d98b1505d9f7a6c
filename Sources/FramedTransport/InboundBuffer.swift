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
  func push(_ part: InboundPart) {
    let waiter = self.state.withLock { state -> Waiter? in
      guard state.end == nil else { return nil }
      if let waiter = state.waiter.take() { return waiter }
      state.parts.append(part)
      return nil
    }
    waiter?.resume(returning: part)
  }

  /// Ends the sequence after what is in the buffer, or at once. The first end stands.
  ///
  /// - Parameter dropsParts: Whether what has not been read goes, too.
  func finish(_ error: RPCError?, dropsParts: Bool = false) {
    let waiter = self.state.withLock { state -> Waiter? in
      if dropsParts { state.parts = [] }
      guard state.end == nil || dropsParts else { return nil }
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
        let ready = self.state.withLock { state -> Result<InboundPart?, RPCError>? in
          guard state.waiter == nil else {
            return .failure(
              RPCError(code: .internalError, message: "two tasks read one call at once"))
          }
          // A part or an end may have come since the poll. Whoever waits has nothing before it: parts
          // that come while there is a waiter go to it directly.
          if let ready = state.ready() { return ready }
          state.waiter = waiter
          return nil
        }
        switch ready {
        case .success(let part): return waiter.resume(returning: part)
        case .failure(let error): return waiter.resume(throwing: error)
        case nil: break
        }
        // A cancellation that came before this point met no waiter.
        if Task.isCancelled { self.wake() }
      }
    } onCancel: {
      onCancel()
      self.wake()
    }
  }

  private func wake() {
    let waiter = self.state.withLock { $0.waiter.take() }
    waiter?.resume(throwing: Self.cancelled)
  }

  static let cancelled = RPCError(
    code: .cancelled, message: "the task that read the call was cancelled")
}
