internal import GRPCCore

/// Server: streams whose clients take nothing.
extension ConnectionStateMachine {
  /// Streams that have something to send and wait, for credit or for room in the socket, and how many fragments each
  /// has sent: where that has not changed, it has waited since.
  package var stalls: [StreamID: Int] {
    self.streams.compactMapValues { stream in
      !stream.hasEnded && stream.queue.isWaiting ? stream.queue.fragments : nil
    }
  }

  /// A stream has waited for too long for a server that is to end.
  package mutating func stalled(_ id: StreamID) -> [ConnectionAction] {
    guard self.isAlive, self.hasSentGoAway, self.streams[id]?.queue.isWaiting == true else {
      return []
    }
    let error = RPCError(
      code: .unavailable,
      message: "the server is shutting down, and the client took nothing more of this call")
    self.fail(id, error, .shuttingDown)
    self.closeIfDrained()
    return self.drainActions()
  }
}
