import CoreMetrics
import Synchronization

/// One name with one set of labels: a number, or how often each of a histogram's bounds was kept.
final class PrometheusSeries: CounterHandler, FloatingPointCounterHandler, MeterHandler,
  RecorderHandler, TimerHandler
{
  private struct State {
    /// A counter's or a gauge's; the sum of what a histogram was told.
    var value = 0.0
    var count: UInt64 = 0
    /// Of each bound, how many were not above it.
    var buckets: [UInt64]
  }

  /// From a small model's step to a long job, in seconds.
  private static let bounds = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
  ]

  private let kind: PrometheusFamily.Kind
  private let state: Mutex<State>

  init(_ kind: PrometheusFamily.Kind) {
    self.kind = kind
    self.state = Mutex(
      State(
        buckets: kind == .histogram ? [UInt64](repeating: 0, count: Self.bounds.count) : []))
  }

  func increment(by amount: Int64) { self.increment(by: Double(amount)) }
  func increment(by amount: Double) { self.state.withLock { $0.value += amount } }
  func decrement(by amount: Double) { self.state.withLock { $0.value -= amount } }
  func reset() { self.state.withLock { $0.value = 0 } }
  func set(_ value: Int64) { self.set(Double(value)) }
  func set(_ value: Double) { self.state.withLock { $0.value = value } }
  func record(_ value: Int64) { self.record(Double(value)) }
  func recordNanoseconds(_ duration: Int64) { self.record(Double(duration) / 1e9) }

  func record(_ value: Double) {
    guard self.kind == .histogram else { return self.set(value) }
    self.state.withLock { state in
      state.value += value
      state.count += 1
      for (index, bound) in Self.bounds.enumerated() where value <= bound {
        state.buckets[index] += 1
      }
    }
  }

  func text(name: String, labels: String) -> String {
    let state = self.state.withLock { $0 }
    let set = labels.isEmpty ? "" : "{\(labels)}"
    let sum = PrometheusText.number(state.value)
    guard self.kind == .histogram else { return "\(name)\(set) \(sum)\n" }
    let before = labels.isEmpty ? "" : labels + ","
    var text = ""
    for (bound, count) in zip(Self.bounds, state.buckets) {
      text += "\(name)_bucket{\(before)le=\"\(PrometheusText.number(bound))\"} \(count)\n"
    }
    return text + "\(name)_bucket{\(before)le=\"+Inf\"} \(state.count)\n"
      + "\(name)_sum\(set) \(sum)\n\(name)_count\(set) \(state.count)\n"
  }
}
