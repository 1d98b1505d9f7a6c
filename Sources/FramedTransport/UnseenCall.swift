package import GRPCCore

/// A client's call that the server has provably never seen (framing.md, section 8), so that it may be made
/// again on another connection.
package struct UnseenCall: Hashable, Sendable {
  /// The messages that had gone whole, in order. Of those that wait, or had gone in part, their writers know.
  package var messages: [[UInt8]]
  /// How the call fails where it is not made again.
  package var error: RPCError

  package init(messages: [[UInt8]], error: RPCError) {
    self.messages = messages
    self.error = error
  }
}
