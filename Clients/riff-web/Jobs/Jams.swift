import NIOHTTP1
import RiffProtocol
import Synchronization

/// The jams that play: where changes of the page reach the call that plays them.
final class Jams: Sendable {
  private typealias Inbox = AsyncStream<Riff_V1_JamRequest>.Continuation
  private let inboxes = Mutex<[String: Inbox]>([:])

  /// Parts that may wait for the daemon; the page sends four a second and what its user changes.
  private static let limit = 64

  func open() -> (id: String, parts: AsyncStream<Riff_V1_JamRequest>) {
    let id = Randomness.text()
    let (parts, inbox) = AsyncStream.makeStream(
      of: Riff_V1_JamRequest.self, bufferingPolicy: .bufferingOldest(Self.limit))
    self.inboxes.withLock { $0[id] = inbox }
    return (id, parts)
  }

  /// Hands a part over; false where there is no such jam.
  ///
  /// - Throws: ``Refusal``, 429, where too many wait.
  func send(_ part: Riff_V1_JamRequest, to id: String) throws(Refusal) -> Bool {
    guard let inbox = self.inboxes.withLock({ $0[id] }) else { return false }
    if case .dropped = inbox.yield(part) {
      throw Refusal(.tooManyRequests, "too many changes wait; the daemon does not keep up")
    }
    return true
  }

  func close(_ id: String) {
    self.inboxes.withLock { $0.removeValue(forKey: id) }?.finish()
  }
}
