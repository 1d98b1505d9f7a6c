/// Sorts the time of a run by layer. Of layers inside each other only the innermost counts.
///
/// It belongs to whoever has the engine's turn, which is why it may go from thread to thread; what the
/// pool's threads do is part of the layer that waits for them.
final class LayerClock: @unchecked Sendable {
  private struct Open {
    let layer: Layer
    var seconds: Double
  }

  private let clock = ContinuousClock()
  private var last: ContinuousClock.Instant
  private var open: [Open] = []
  private var totals: [Layer: LayerTiming] = [:]

  init() { last = clock.now }

  func begin(_ layer: Layer) {
    lap()
    open.append(Open(layer: layer, seconds: 0))
  }

  /// Ends the layer begun last.
  func end() {
    lap()
    guard let ended = open.popLast() else { return }
    var total = totals[ended.layer] ?? LayerTiming(layer: ended.layer)
    total.runs += 1
    total.seconds += ended.seconds
    totals[ended.layer] = total
  }

  /// The slowest first.
  var timings: [LayerTiming] { totals.values.sorted { $0.seconds > $1.seconds } }

  private func lap() {
    let now = clock.now
    if !open.isEmpty { open[open.count - 1].seconds += (now - last) / .seconds(1) }
    last = now
  }
}
