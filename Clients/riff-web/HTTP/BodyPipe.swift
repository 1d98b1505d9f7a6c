import NIOCore
import Synchronization

/// Carries a request's body from the connection to whoever serves the request, a piece at a time: the
/// connection reads on only when a piece was taken.
final class BodyPipe: Sendable {
  private let state = Mutex(State())

  private struct State {
    var piece: ByteBuffer?
    var end: End?
    var reader: CheckedContinuation<ByteBuffer?, any Error>?
    var writer: CheckedContinuation<Void, Never>?
  }

  private enum End {
    case complete
    /// The connection was lost before the body's end.
    case lost
    /// Nobody reads any more; what comes is dropped.
    case dropped
  }

  /// Hands a piece over, and returns when it was taken or dropped.
  func push(_ piece: ByteBuffer) async {
    guard piece.readableBytes > 0 else { return }
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
      enum Step { case hand(CheckedContinuation<ByteBuffer?, any Error>), drop, wait }
      let step = self.state.withLock { state -> Step in
        if case .some = state.end { return .drop }
        if let reader = state.reader {
          state.reader = nil
          return .hand(reader)
        }
        (state.piece, state.writer) = (piece, done)
        return .wait
      }
      switch step {
      case .hand(let reader):
        reader.resume(returning: piece)
        done.resume()
      case .drop: done.resume()
      case .wait: break
      }
    }
  }

  /// No more comes: the body is complete, or the connection was lost.
  func finish(isComplete: Bool) {
    let reader = self.state.withLock { state -> CheckedContinuation<ByteBuffer?, any Error>? in
      if case .none = state.end { state.end = isComplete ? .complete : .lost }
      defer { state.reader = nil }
      return state.reader
    }
    if isComplete {
      reader?.resume(returning: nil)
    } else {
      reader?.resume(throwing: CancellationError())
    }
  }

  /// Nobody reads any more.
  func drop() {
    let writer = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
      state.end = .dropped
      state.piece = nil
      defer { state.writer = nil }
      return state.writer
    }
    writer?.resume()
  }

  /// The next piece; nil at the body's end.
  ///
  /// - Throws: `CancellationError` where the connection was lost before it, or the task is cancelled.
  func next() async throws -> ByteBuffer? {
    try await withTaskCancellationHandler {
      try await self.nextPiece()
    } onCancel: {
      self.finish(isComplete: false)
    }
  }

  private func nextPiece() async throws -> ByteBuffer? {
    try await withCheckedThrowingContinuation { reader in
      enum Step { case piece(ByteBuffer, CheckedContinuation<Void, Never>?), end, lost, wait }
      let step = self.state.withLock { state -> Step in
        if let piece = state.piece {
          defer { (state.piece, state.writer) = (nil, nil) }
          return .piece(piece, state.writer)
        }
        switch state.end {
        case .complete?: return .end
        case .lost?, .dropped?: return .lost
        case nil:
          state.reader = reader
          return .wait
        }
      }
      switch step {
      case .piece(let piece, let writer):
        reader.resume(returning: piece)
        writer?.resume()
      case .end: reader.resume(returning: nil)
      case .lost: reader.resume(throwing: CancellationError())
      case .wait: break
      }
    }
  }
}
