internal import NIOCore

/// The receiver's side of a stream's credit (framing.md, section 5): what the sender may still send,
/// and what of it is owed back.
///
/// Credit goes back when the application takes a message, and for the fragments of an incomplete one
/// only while the application waits for it. What is held unread is therefore never more than the
/// credit, or one message where that is larger.
package struct ReceiveWindow: Sendable {
  package static let initialCredit = 262_144
  /// Credit is returned when so much has come together. A sender that has used less than this still
  /// has the rest of the initial credit, so that it is never stuck waiting for a small remainder.
  package static let grantThreshold = 65_536

  /// What the sender may still send.
  package private(set) var credit = ReceiveWindow.initialCredit
  /// The costs of complete messages that have not been taken, in order.
  private var unread = CircularBuffer<Int>()
  /// The cost of the incomplete message's fragments that is not owed yet.
  private var incomplete = 0
  /// What goes back with the next CREDIT.
  private var owed = 0
  /// Whether the application waits for a message.
  private var isAwaited = false

  package init() {}

  package static func cost(ofFragment bytes: Int) -> Int {
    max(1, bytes)
  }

  /// A fragment came in. False if it costs more than the sender had.
  package mutating func receive(cost: Int, isLast: Bool) -> Bool {
    guard cost <= self.credit else { return false }
    self.credit -= cost
    if self.isAwaited { self.owed += cost } else { self.incomplete += cost }
    if isLast {
      self.unread.append(self.incomplete)
      self.incomplete = 0
      self.isAwaited = false
    }
    return true
  }

  /// The application took the oldest message.
  package mutating func take() {
    self.owed += self.unread.popFirst() ?? 0
  }

  /// The application has taken all there is and waits for the next message.
  package mutating func awaitMessage() {
    guard self.unread.isEmpty else { return }
    self.isAwaited = true
    self.owed += self.incomplete
    self.incomplete = 0
  }

  /// The credit to return now, if it is worth a frame.
  package mutating func grant() -> Int? {
    guard self.owed >= Self.grantThreshold else { return nil }
    defer { self.owed = 0 }
    self.credit += self.owed
    return self.owed
  }
}
