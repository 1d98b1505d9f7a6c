package import GRPCCore

/// Why a connection takes no new calls.
package struct ConnectionEnding: Hashable, Sendable {
  /// How a call fails that had this connection and no other.
  package var error: RPCError
  /// Whether another connection may take a call of which nothing has been sent here: this one ended in
  /// order (GO_AWAY SHUTDOWN) or was lost. Any other GO_AWAY, a rule broken, or a peer that did not say its
  /// preface in time is a reason that would meet the next connection, too.
  package var allowsAnother: Bool

  package init(error: RPCError, allowsAnother: Bool) {
    self.error = error
    self.allowsAnother = allowsAnother
  }
}
