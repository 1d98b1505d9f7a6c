import Riff
import Synchronization

/// Time that passes only by what a jam's work is said to take, with things that happen at given times.
final class SimulatedTime: JamTime {
  private struct State {
    var now = 0.0
    var events: [(time: Double, happens: @Sendable () -> Void)] = []
    var sent: [(time: Double, samples: Int)] = []
  }

  private let state = Mutex(State())
  private let costs: @Sendable (JamWork, _ now: Double) -> Double

  init(_ costs: @escaping @Sendable (JamWork, _ now: Double) -> Double) { self.costs = costs }

  var isSimulated: Bool { true }
  var now: Double { self.state.withLock { $0.now } }
  /// When how many sample frames had left.
  var sent: [(time: Double, samples: Int)] { self.state.withLock { $0.sent } }

  func at(_ time: Double, _ happens: @escaping @Sendable () -> Void) {
    self.state.withLock { state in
      state.events.append((time, happens))
      state.events.sort { $0.time < $1.time }
    }
  }

  func pass(to time: Double) {
    let happens = self.state.withLock { state -> (@Sendable () -> Void)? in
      guard let next = state.events.first, next.time <= time else {
        state.now = max(state.now, time)
        return nil
      }
      state.now = max(state.now, next.time)
      return state.events.removeFirst().happens
    }
    happens?()
  }

  func cost(of work: JamWork) -> Double { self.costs(work, self.now) }

  func note(sent samples: Int) {
    self.state.withLock { $0.sent.append(($0.now, samples)) }
  }

  /// When somebody who plays from the first piece on heard nothing, and for how many seconds.
  var gaps: [(time: Double, seconds: Double)] {
    var (start, gaps) = (0.0, [(time: Double, seconds: Double)]())
    var before = 0
    for (time, samples) in self.sent {
      if before == 0 { start = time }
      // What it has is played by then.
      let late = time - start - Double(before) / 48_000
      if before > 0, late > 1e-6 {
        gaps.append((time, late))
        start += late
      }
      before = samples
    }
    return gaps
  }

  /// Seconds of sound by which it ran ahead of such a listener at most.
  var lead: Double {
    guard let start = self.sent.first?.time else { return 0 }
    return self.sent.map { Double($0.samples) / 48_000 - ($0.time - start) }.max() ?? 0
  }
}
