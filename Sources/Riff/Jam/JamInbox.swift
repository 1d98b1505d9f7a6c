import Dispatch
import Synchronization

/// What the caller of a jam says while it plays. Any thread may write; the job's own reads.
public final class JamInbox: Sendable {
  /// What has come since it was last looked at.
  struct Mail {
    var changes: [JamChange] = []
    /// Why changes were refused, a sentence each.
    var refusals: [String] = []
    /// Sample frames that have been heard, as last reported.
    var played: UInt64?
    var stops = false
  }

  /// Changes, and refusals, that may wait; of changes beyond them those that wait longest are passed over
  /// for the ones that came after them.
  private static let most = 64

  private let mail = Mutex(Mail())
  private let news = DispatchSemaphore(value: 0)

  /// An empty one, for one ``JamJob``.
  public init() {}

  /// Hands in a change that has been checked.
  public func post(_ change: JamChange) {
    self.mail.withLock { mail in
      mail.changes.append(change)
      guard mail.changes.count > Self.most else { return }
      // What the oldest one says holds unless the one after it says something else.
      let oldest = mail.changes.removeFirst()
      mail.changes[0] = mail.changes[0].following(oldest)
    }
    self.news.signal()
  }

  /// Tells the listener that a change will not be made.
  public func refuse(_ reason: String) {
    self.mail.withLock { mail in
      if mail.refusals.count < Self.most { mail.refusals.append(reason) }
    }
    self.news.signal()
  }

  /// Reports how much has been heard, in sample frames at 48 kHz.
  public func report(played samples: UInt64) {
    self.mail.withLock { $0.played = samples }
    self.news.signal()
  }

  /// Ends the jam on the next beat.
  public func stop() {
    self.mail.withLock { $0.stops = true }
    self.news.signal()
  }

  /// What has come, once.
  func take() -> Mail {
    self.mail.withLock { mail in
      defer { mail = Mail() }
      return mail
    }
  }

  /// Waits until something comes, no longer than `seconds`. It may return for something that was taken
  /// already.
  func wait(atMost seconds: Double) {
    _ = self.news.wait(timeout: .now() + max(0, seconds))
  }
}

extension JamChange {
  /// The change that two in a row amount to.
  fileprivate func following(_ before: JamChange) -> JamChange {
    var both = before
    both.id = self.id
    if !self.prompts.isEmpty { both.prompts = self.prompts }
    both.negativePrompt = self.negativePrompt ?? before.negativePrompt
    both.guidanceScale = self.guidanceScale ?? before.guidanceScale
    both.seed = self.seed ?? before.seed
    both.bpm = self.bpm ?? before.bpm
    both.strength = self.strength ?? before.strength
    return both
  }
}
