package import NIOCore

/// Names one waiting write, so that its writer can be told.
package typealias WriteID = UInt64

/// The sender's side of a stream: messages and the closing frame in order, and the credit to send them.
package struct SendQueue: Sendable {
  package static let maximumCredit = Int(Int32.max)
  /// Fragments are no larger, so that streams take turns.
  package static let fragmentBytes = 65_536

  /// What ends a direction.
  package enum Closing: Hashable, Sendable {
    case halfClose
    case status(Frame)
  }

  /// What to send next.
  package enum Output: Hashable, Sendable {
    /// A fragment; `write` is the message's, when this is its last one.
    case fragment(ByteBuffer, write: WriteID?)
    case closing(Closing)
  }

  /// What became of a write that its writer gave up.
  package enum Cancelled: Hashable, Sendable {
    /// It had been sent whole, or never was here.
    case unknown
    /// Nothing of it had been sent.
    case unsent
    /// A part of it has been sent: this direction can carry no further message.
    case halfSent
  }

  private struct Message: Sendable {
    let write: WriteID
    let bytes: [UInt8]
    var sent = 0
  }

  private var messages = CircularBuffer<Message>()
  private var closing: Closing?
  /// Whether no credit can come any more, so that none is asked for.
  private var isFree = false
  package private(set) var credit = ReceiveWindow.initialCredit
  /// Client: the messages that have gone whole, for as long as the server may not have seen the call. With no
  /// credit but the first one they are at most 262,144 bytes.
  package private(set) var unseen: [[UInt8]]?

  package init() {}

  /// More may be sent. False if the sum would be above ``maximumCredit``.
  package mutating func grant(_ bytes: Int) -> Bool {
    guard bytes <= Self.maximumCredit - self.credit else { return false }
    self.credit += bytes
    return true
  }

  /// The peer can grant no more: from now on all may be sent.
  package mutating func waiveCredit() {
    self.isFree = true
  }

  package mutating func append(_ message: [UInt8], write: WriteID) {
    self.messages.append(Message(write: write, bytes: message))
  }

  /// Keeps what goes, from the first message on.
  package mutating func keepUnseen() {
    self.unseen = []
  }

  /// The server has seen the call.
  package mutating func forgetUnseen() {
    self.unseen = nil
  }

  /// Ends this direction after the messages that wait. The first closing stands.
  package mutating func close(_ closing: Closing) {
    if self.closing == nil { self.closing = closing }
  }

  /// Drops the messages that wait, but not what ends the direction; their writers.
  package mutating func removeMessages() -> [WriteID] {
    let writes = self.messages.map(\.write)
    self.messages.removeAll()
    return writes
  }

  /// Puts another STATUS in the place of the one that waits, if one does.
  package mutating func replaceStatus(_ frame: Frame) {
    if case .status = self.closing { self.closing = .status(frame) }
  }

  /// Whether ``next()`` has something.
  package var isReady: Bool {
    self.messages.isEmpty ? self.closing != nil : self.isFree || self.credit > 0
  }

  /// Whether something waits: for credit, or for room in the socket.
  package var isWaiting: Bool { !self.messages.isEmpty || self.closing != nil }

  /// Fragments that have gone, which tells one stall from the next.
  package private(set) var fragments = 0

  /// Takes the next thing to send, paying for it.
  package mutating func next() -> Output? {
    guard var message = self.messages.first else {
      guard let closing = self.closing else { return nil }
      self.closing = nil
      return .closing(closing)
    }
    guard self.isFree || self.credit > 0 else { return nil }
    let allowed = self.isFree ? Self.fragmentBytes : min(self.credit, Self.fragmentBytes)
    let size = min(message.bytes.count - message.sent, allowed)
    self.fragments += 1
    let range = message.sent..<(message.sent + size)
    let fragment = ByteBuffer(bytes: message.bytes[range])
    if !self.isFree { self.credit -= ReceiveWindow.cost(ofFragment: size) }
    message.sent += size
    if message.sent == message.bytes.count {
      self.messages.removeFirst()
      self.unseen?.append(message.bytes)
      return .fragment(fragment, write: message.write)
    }
    self.messages[self.messages.startIndex] = message
    return .fragment(fragment, write: nil)
  }

  /// A writer no longer wants its write.
  package mutating func cancel(_ write: WriteID) -> Cancelled {
    guard let index = self.messages.firstIndex(where: { $0.write == write }) else {
      return .unknown
    }
    let sent = self.messages[index].sent
    self.messages.remove(at: index)
    return sent == 0 ? .unsent : .halfSent
  }

  /// Drops everything that waits; the writers whose messages are dropped.
  package mutating func removeAll() -> [WriteID] {
    let writes = self.messages.map(\.write)
    self.messages.removeAll()
    self.closing = nil
    return writes
  }
}
