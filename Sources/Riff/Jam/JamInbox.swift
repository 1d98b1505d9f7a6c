import Synchronization

/// What the caller of a jam says while it plays. Any thread may write; the job's own read: one makes the
/// changes, the other sends the sound.
public final class JamInbox: Sendable {
  /// What the sound is to hear of.
  struct Orders {
    /// Sample frames that have been heard, as last reported.
    var played: UInt64?
    var stops = false
  }

  private struct Mail {
    var changes: [JamChange] = []
    /// Why changes were refused, a sentence each.
    var refusals: [String] = []
    var orders = Orders()
    /// Wake whoever makes changes, and whoever sends.
    var painter: Bell?
    var sender: Bell?
  }

  /// Changes, and refusals, that may wait; of changes beyond them those that wait longest are passed over
  /// for the ones that came after them.
  private static let most = 64

  private let mail = Mutex(Mail())

  /// An empty one, for one ``JamJob``.
  public init() {}

  /// Hands in a change that has been checked.
  public func post(_ change: JamChange) {
    let bell = self.mail.withLock { mail in
      mail.changes.append(change)
      if mail.changes.count > Self.most {
        // What the oldest one says holds unless the one after it says something else.
        let oldest = mail.changes.removeFirst()
        mail.changes[0] = mail.changes[0].following(oldest)
      }
      return mail.painter
    }
    bell?.ring()
  }

  /// Tells the listener that a change will not be made.
  public func refuse(_ reason: String) {
    let bell = self.mail.withLock { mail in
      if mail.refusals.count < Self.most { mail.refusals.append(reason) }
      return mail.painter
    }
    bell?.ring()
  }

  /// Reports how much has been heard, in sample frames at 48 kHz.
  public func report(played samples: UInt64) {
    self.order { $0.played = samples }
  }

  /// Ends the jam on the next beat.
  public func stop() {
    self.order { $0.stops = true }
  }

  private func order(_ change: (inout Orders) -> Void) {
    let bell = self.mail.withLock { mail in
      change(&mail.orders)
      return mail.sender
    }
    bell?.ring()
  }

  /// Says whom to wake when something comes.
  func connect(painter: Bell, sender: Bell) {
    self.mail.withLock { ($0.painter, $0.sender) = (painter, sender) }
  }

  /// The changes that have come, and why others were refused, once.
  func takeChanges() -> (changes: [JamChange], refusals: [String]) {
    self.mail.withLock { mail in
      defer { (mail.changes, mail.refusals) = ([], []) }
      return (mail.changes, mail.refusals)
    }
  }

  /// What the sound is to hear of, once.
  func takeOrders() -> Orders {
    self.mail.withLock { mail in
      defer { mail.orders = Orders() }
      return mail.orders
    }
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
