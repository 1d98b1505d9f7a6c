/// Keeps true peaks below a ceiling without clipping them: a look-ahead limiter, all channels under
/// one gain. Peaks are measured between the samples too (see ``TruePeakMeter``), where a player's
/// filters or a codec will put the sound.
///
/// The gain a sample needs is held over the look-ahead window (a sliding minimum), released
/// exponentially and smoothed by a moving mean of the same length, which together never exceed it.
/// What needs no limiting passes bit for bit. See D. Giannoulis et al., "Digital Dynamic Range
/// Compressor Design", JAES 60 (2012), on look-ahead and smoothing.
package struct PeakLimiter {
  /// −1 dB of full scale.
  package static let ceiling: Float = 0.891_250_9

  private let ceiling: Float
  private let lookahead: Int
  /// Samples that are held back.
  private var delay: Int { self.lookahead + TruePeakMeter.delay }
  private let release: Float
  /// Samples not yet let through, planar.
  private var pending: [[Float]]
  /// Gains below 1 that pending samples need, as a monotonic queue of (position, gain) for the
  /// minimum.
  private var minimum: [(position: Int, gain: Float)] = []
  private var minimumHead = 0
  private var position = 0
  private var held: Float = 1
  /// The last `lookahead` + 1 held gains, their sum, and how many of them are below 1.
  private var window: [Float]
  private var windowIndex = 0
  private var windowSum: Double
  private var windowLimited = 0
  private var meter: TruePeakMeter

  /// - Parameters:
  ///   - ceiling: Highest true peak let through, above 0.
  ///   - sampleRate: Hertz; the look-ahead is 5 ms, the release 100 ms.
  package init(channels: Int, ceiling: Float = Self.ceiling, sampleRate: Int = 48_000) {
    self.ceiling = ceiling
    self.lookahead = sampleRate / 200
    self.release = 1 / (0.1 * Float(sampleRate))
    self.pending = Array(repeating: [], count: channels)
    self.window = Array(repeating: 1, count: sampleRate / 200 + 1)
    self.windowSum = Double(sampleRate / 200 + 1)
    self.meter = TruePeakMeter(channels: channels)
  }

  /// Takes the next samples, planar, and returns those that are ready.
  package mutating func process(_ channels: [[Float]]) -> [[Float]] {
    let count = channels.first?.count ?? 0
    guard count > 0 else { return channels }
    for channel in self.pending.indices { self.pending[channel] += channels[channel] }
    return self.release(self.gains(self.meter.peaks(channels)))
  }

  /// Returns what is still held back.
  package mutating func finish() -> [[Float]] {
    let count = self.pending.first?.count ?? 0
    let silence = [Float](repeating: 0, count: TruePeakMeter.delay)
    var gains = self.gains(self.meter.peaks(self.pending.map { _ in silence }))
    while gains.count < count { gains += self.gains([0]) }
    return self.release(gains)
  }

  /// Enters peaks in turn; returns the gains of the samples that are ready.
  private mutating func gains(_ peaks: [Float]) -> [Float] {
    var gains: [Float] = []
    gains.reserveCapacity(peaks.count)
    for peak in peaks {
      if peak <= self.ceiling, self.windowLimited == 0, self.minimum.count == self.minimumHead {
        // Nothing to limit here, nor within the look-ahead either way.
        self.position += 1
        if self.position > self.delay { gains.append(1) }
      } else if let gain = self.advance(needed: peak > self.ceiling ? self.ceiling / peak : 1) {
        gains.append(gain)
      }
    }
    return gains
  }

  /// Enters the gain that one more sample needs; returns the gain of the sample that the peak
  /// `lookahead` ago belongs to.
  private mutating func advance(needed: Float) -> Float? {
    if needed < 1 {
      while self.minimum.count > self.minimumHead, let last = self.minimum.last,
        last.gain >= needed
      {
        self.minimum.removeLast()
      }
      self.minimum.append((self.position, needed))
    }
    if self.minimumHead < self.minimum.count,
      self.minimum[self.minimumHead].position < self.position - self.lookahead
    {
      self.minimumHead += 1
    }
    if self.minimumHead > 4_096 {
      self.minimum.removeFirst(self.minimumHead)
      self.minimumHead = 0
    }
    let lowest = self.minimumHead < self.minimum.count ? self.minimum[self.minimumHead].gain : 1
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
    guard self.position > self.delay else { return nil }
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
