/// Keeps samples below a ceiling without clipping them: a look-ahead limiter, all channels under
/// one gain.
///
/// The gain a sample needs is held over the look-ahead window (a sliding minimum), released
/// exponentially and smoothed by a moving mean of the same length, which together never exceed it.
/// What needs no limiting passes bit for bit. See D. Giannoulis et al., "Digital Dynamic Range
/// Compressor Design", JAES 60 (2012), on look-ahead and smoothing.
package struct PeakLimiter {
  private let ceiling: Float
  private let lookahead: Int
  private let release: Float
  /// Samples not yet let through, planar.
  private var pending: [[Float]]
  /// Gains needed by the pending samples, as a monotonic queue of (position, gain) for the minimum.
  private var minimum: [(position: Int, gain: Float)] = []
  private var minimumHead = 0
  private var position = 0
  private var held: Float = 1
  /// The last `lookahead` + 1 held gains, their sum, and how many of them are below 1.
  private var window: [Float]
  private var windowIndex = 0
  private var windowSum: Double
  private var windowLimited = 0

  /// - Parameters:
  ///   - ceiling: Largest absolute sample let through, above 0.
  ///   - sampleRate: Hertz; the look-ahead is 5 ms, the release 100 ms.
  package init(channels: Int, ceiling: Float = 0.891, sampleRate: Int = 48_000) {
    self.ceiling = ceiling
    self.lookahead = sampleRate / 200
    self.release = 1 / (0.1 * Float(sampleRate))
    self.pending = Array(repeating: [], count: channels)
    self.window = Array(repeating: 1, count: sampleRate / 200 + 1)
    self.windowSum = Double(sampleRate / 200 + 1)
  }

  /// Takes the next samples, planar, and returns those that are ready.
  package mutating func process(_ channels: [[Float]]) -> [[Float]] {
    let count = channels.first?.count ?? 0
    guard count > 0 else { return channels }
    for channel in self.pending.indices { self.pending[channel] += channels[channel] }
    var gains: [Float] = []
    gains.reserveCapacity(count)
    for index in 0..<count {
      var peak: Float = 0
      for channel in channels { peak = max(peak, abs(channel[index])) }
      if let gain = self.advance(needed: peak > self.ceiling ? self.ceiling / peak : 1) {
        gains.append(gain)
      }
    }
    return self.release(gains)
  }

  /// Returns what is still held back.
  package mutating func finish() -> [[Float]] {
    var gains: [Float] = []
    let count = self.pending.first?.count ?? 0
    while gains.count < count {
      if let gain = self.advance(needed: 1) { gains.append(gain) }
    }
    return self.release(gains)
  }

  /// Enters the gain that one more sample needs; returns the gain of the sample `lookahead` ago.
  private mutating func advance(needed: Float) -> Float? {
    while self.minimum.count > self.minimumHead, let last = self.minimum.last, last.gain >= needed {
      self.minimum.removeLast()
    }
    self.minimum.append((self.position, needed))
    if self.minimum[self.minimumHead].position < self.position - self.lookahead {
      self.minimumHead += 1
    }
    if self.minimumHead > 4_096 {
      self.minimum.removeFirst(self.minimumHead)
      self.minimumHead = 0
    }
    let lowest = self.minimum[self.minimumHead].gain
    self.held = min(lowest, self.held + (1 - self.held) * self.release)
    // An exponential never arrives; what is inaudibly close to 1 is 1.
    if lowest == 1, self.held > 0.9999 { self.held = 1 }
    let leaving = self.window[self.windowIndex]
    self.window[self.windowIndex] = self.held
    self.windowIndex = (self.windowIndex + 1) % self.window.count
    self.windowSum += Double(self.held) - Double(leaving)
    self.windowLimited += (self.held == 1 ? 0 : 1) - (leaving == 1 ? 0 : 1)
    // Rounding must not add up over a long stream.
    if self.windowLimited == 0 { self.windowSum = Double(self.window.count) }
    self.position += 1
    guard self.position > self.lookahead else { return nil }
    return self.windowLimited == 0 ? 1 : Float(self.windowSum / Double(self.window.count))
  }

  /// Applies gains to as many pending samples and lets them go.
  private mutating func release(_ gains: [Float]) -> [[Float]] {
    var output = self.pending.map { Array($0.prefix(gains.count)) }
    for channel in output.indices {
      self.pending[channel].removeFirst(gains.count)
      for (index, gain) in gains.enumerated() where gain != 1 {
        output[channel][index] = max(
          -self.ceiling, min(self.ceiling, output[channel][index] * gain))
      }
    }
    return output
  }
}
