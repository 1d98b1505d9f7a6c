/// A peer broke a rule of framing.md in a way that ends the connection (section 9, first table), or
/// may not use it at all.
package struct ProtocolViolation: Error, Hashable, Sendable {
  /// What GO_AWAY gives as its reason.
  package enum Reason: Hashable, Sendable {
    case protocolError
    case version
    case frameTooLarge
    case permissionDenied
    case overloaded
  }

  package var reason: Reason
  /// For a person: what was wrong, and what would have been right.
  package var message: String

  package init(_ reason: Reason, _ message: String) {
    self.reason = reason
    self.message = message
  }
}
