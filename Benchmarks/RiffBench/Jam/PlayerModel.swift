import Foundation
import Synchronization

/// A player that reads whatever comes at once and plays it in real time, from the first sound on.
final class PlayerModel: Sendable {
  private struct State {
    var sound = OggSound()
    /// When it began to play, as if it had never had to wait.
    var start: ContinuousClock.Instant?
    var underruns = 0
    var silence = 0.0
    var furthest = 0.0
  }

  private let state = Mutex(State())

  func take(_ bytes: Data) {
    let now = ContinuousClock.now
    state.withLock { state in
      let before = Double(state.sound.samples) / 48_000
      if let start = state.start {
        let late = (now - start) / .seconds(1) - before
        if late > 0 {
          state.underruns += 1
          state.silence += late
          state.start = start + .seconds(late)
        }
      }
      state.sound.append(bytes)
      guard state.sound.samples > 0 else { return }
      let start = state.start ?? now
      state.start = start
      state.furthest = max(
        state.furthest, Double(state.sound.samples) / 48_000 - (now - start) / .seconds(1))
    }
  }

  /// Seconds of sound that it has played.
  var played: Double {
    state.withLock { state in
      guard let start = state.start else { return 0 }
      return min(
        (ContinuousClock.now - start) / .seconds(1), Double(state.sound.samples) / 48_000)
    }
  }

  var underruns: Int { state.withLock { $0.underruns } }
  /// Seconds in which it had nothing to play.
  var silence: Double { state.withLock { $0.silence } }
  /// Seconds of sound by which it was ahead at most.
  var furthest: Double { state.withLock { $0.furthest } }
  var sound: OggSound { state.withLock { $0.sound } }
}
