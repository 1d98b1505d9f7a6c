import NIOCore
import Synchronization

/// The connections there are. When there are too many, the one that has rested longest is closed.
final class Crowd: Sendable {
  private let limit: Int
  private let state = Mutex(State())

  private struct State {
    var next = 0
    var members: [Int: Member] = [:]
  }

  private struct Member {
    var channel: any Channel
    /// Since when it serves nothing; nil while it does.
    var restsSince: ContinuousClock.Instant?
  }

  init(limit: Int) { self.limit = limit }

  /// A number for a new connection; nil where all others are at work.
  func enter(_ channel: any Channel) -> Int? {
    let (number, leaving) = self.state.withLock { state -> (Int?, (any Channel)?) in
      var leaving: (any Channel)?
      if state.members.count >= self.limit {
        let resting = state.members.compactMap { member in
          member.value.restsSince.map { (member.key, $0) }
        }
        guard let oldest = resting.min(by: { $0.1 < $1.1 })?.0 else { return (nil, nil) }
        leaving = state.members.removeValue(forKey: oldest)?.channel
      }
      state.next += 1
      state.members[state.next] = Member(channel: channel, restsSince: .now)
      return (state.next, leaving)
    }
    leaving?.close(promise: nil)
    return number
  }

  func note(_ number: Int, isBusy: Bool) {
    self.state.withLock { $0.members[number]?.restsSince = isBusy ? nil : .now }
  }

  func leave(_ number: Int) {
    self.state.withLock { $0.members[number] = nil }
  }
}
