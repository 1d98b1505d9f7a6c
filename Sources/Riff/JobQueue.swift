import Dispatch
import Synchronization

/// Lets one job at a time use the cores for denoising, first come, first served.
package final class JobQueue: Sendable {
  private struct Waiting {
    var ticket: UInt64
    var turn: DispatchSemaphore
  }

  private struct State {
    var isBusy = false
    var waiting: [Waiting] = []
    var nextTicket: UInt64 = 0

    /// Takes the turn if it is free, else a place in the line.
    mutating func join(_ turn: DispatchSemaphore) -> UInt64? {
      guard self.isBusy else {
        self.isBusy = true
        return nil
      }
      let ticket = self.nextTicket
      self.nextTicket += 1
      self.waiting.append(Waiting(ticket: ticket, turn: turn))
      return ticket
    }

    /// Leaves the line; `false` if the turn had been given already.
    mutating func leave(_ ticket: UInt64) -> Bool {
      guard let index = self.waiting.firstIndex(where: { $0.ticket == ticket }) else {
        return false
      }
      self.waiting.remove(at: index)
      return true
    }

    /// Gives the turn to the next in line.
    mutating func pass() -> DispatchSemaphore? {
      guard !self.waiting.isEmpty else {
        self.isBusy = false
        return nil
      }
      return self.waiting.removeFirst().turn
    }
  }

  /// Jobs that may wait; one more is refused.
  package static let capacity = 32

  package init() {}

  private let state = Mutex(State())

  /// Runs `body` when it is this job's turn. `onWait` runs before a wait that will last.
  ///
  /// - Throws: `CancellationError` when the job is cancelled while it waits, ``JobError`` of kind
  ///   `resourceExhausted` when the line is full, and what `onWait` and `body` throw.
  package func withTurn<R>(
    of channel: JobChannel, onWait: () throws -> Void, _ body: () throws -> R
  ) throws -> R {
    let turn = DispatchSemaphore(value: 0)
    let ticket = try self.state.withLock { state throws(JobError) in
      guard state.waiting.count < Self.capacity else {
        throw JobError(
          .resourceExhausted, "\(Self.capacity) jobs are waiting already; try again later")
      }
      return state.join(turn)
    }
    if let ticket {
      do {
        try onWait()
        channel.withCancellationWake({ turn.signal() }) { turn.wait() }
        try channel.checkCancellation()
      } catch {
        // Whoever was given the turn before leaving the line has to pass it on.
        if !self.state.withLock({ $0.leave(ticket) }) { self.passTurn() }
        throw error
      }
    }
    defer { self.passTurn() }
    return try body()
  }

  private func passTurn() {
    self.state.withLock { $0.pass() }?.signal()
  }
}
