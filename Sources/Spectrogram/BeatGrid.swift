#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The beat of a piece of one tempo.
public struct BeatGrid: Sendable, Equatable {
  /// Seconds from one beat to the next.
  public let period: Double
  /// Seconds from the sound's beginning to its first beat, 0 or more, below the period.
  public let first: Double
  /// How much of what begins does so on the grid: the mean onset strength on beats against that
  /// anywhere, 1 where there is no beat at all.
  public let clarity: Double

  /// Beats a minute.
  public var bpm: Double { 60 / period }

  /// Tempos that are looked for, in beats a minute.
  public static let tempos = 50.0...220.0

  init(period: Double, first: Double, clarity: Double) {
    self.period = period
    let turns = (first / period).rounded(.down)
    self.first = first - turns * period
    self.clarity = clarity
  }

  /// The time of the nearest beat, in seconds.
  public func nearest(to time: Double) -> Double {
    first + ((time - first) / period).rounded() * period
  }

  /// The grid that fits best, nil where nothing begins or the sound is shorter than three beats of it.
  ///
  /// The period is the lag at which the onsets repeat themselves, twice and four times it counting too,
  /// weighed by how usual the tempo is (Ellis 2007: a Gaussian over octaves around 120 bpm). Beats are
  /// the path of most onsets whose steps keep to that lag, by dynamic programming (ibid.); the grid is
  /// the regular one that lies closest to them.
  public init?(_ onsets: OnsetEnvelope) {
    let values = onsets.values.map { Double($0) }
    guard let repeating = Self.lag(values, step: onsets.step) else { return nil }
    let lag = Self.unhurried(values, lag: repeating, step: onsets.step)
    let beats = Self.beats(values, lag: lag)
    guard beats.count >= 3 else { return nil }
    var (period, phase) = Self.line(through: beats.map { Self.top(values, $0) }, near: lag)
    (period, phase) = Self.refined(values, period: period, phase: phase)
    let found = phase * onsets.step + onsets.start
    self.init(
      period: period * onsets.step, first: found,
      clarity: Self.clarity(values, period: period, phase: phase))
  }

  /// The grid of a tempo that is known; nil where nothing begins.
  public init?(_ onsets: OnsetEnvelope, bpm: Double) {
    guard bpm > 0, bpm.isFinite else { return nil }
    let values = onsets.values.map { Double($0) }
    guard values.contains(where: { $0 > 0 }) else { return nil }
    let period = 60 / bpm / onsets.step
    guard period >= 2 else { return nil }
    let phase = Self.bestPhase(values, period: period).phase
    self.init(
      period: 60 / bpm, first: phase * onsets.step + onsets.start,
      clarity: Self.clarity(values, period: period, phase: phase))
  }

  /// The lag in values, a fraction.
  private static func lag(_ values: [Double], step: Double) -> Double? {
    let shortest = Int((60 / tempos.upperBound / step).rounded(.down))
    let longest = Int((60 / tempos.lowerBound / step).rounded(.up))
    guard shortest >= 2, values.count > 3 * shortest, values.contains(where: { $0 > 0 }) else {
      return nil
    }
    // Blurred, so that a fraction of a value more or less is no other rhythm.
    let blurred = values.indices.map { index in
      values[index] / 2 + (index > 0 ? values[index - 1] / 4 : 0)
        + (index + 1 < values.count ? values[index + 1] / 4 : 0)
    }
    let reach = min(4 * longest + 2, values.count - 1)
    let repeats = (0...reach).map { lag -> Double in
      var sum = 0.0
      for index in lag..<values.count { sum += blurred[index] * blurred[index - lag] }
      return sum / Double(values.count - lag)
    }
    func at(_ lag: Double) -> Double {
      let low = Int(lag)
      guard low + 1 < repeats.count else { return 0 }
      return repeats[low] + (lag - Double(low)) * (repeats[low + 1] - repeats[low])
    }
    var best: (lag: Double, score: Double)?
    for quarter in stride(from: 4 * shortest, through: 4 * longest, by: 1) {
      let lag = Double(quarter) / 4
      guard 3 * lag < Double(values.count) else { break }
      let octaves = log2(60 / (lag * step) / 120)
      var (sum, weights) = (0.0, 0.0)
      for (times, weight) in [(1.0, 1.0), (2, 0.5), (4, 0.25)]
      where lag * times + 1 < Double(repeats.count) {
        sum += weight * at(lag * times)
        weights += weight
      }
      let score = sum / weights * exp(-0.5 * octaves * octaves / (0.9 * 0.9))
      if score > best?.score ?? 0 { best = (lag, score) }
    }
    return best?.lag
  }

  /// Twice the lag where the tempo is a fast one and every second beat clearly the weaker: those are
  /// what sounds between beats, such as hi-hats.
  private static func unhurried(_ values: [Double], lag: Double, step: Double) -> Double {
    guard 60 / (lag * step) > 150, 6 * lag < Double(values.count) else { return lag }
    let strong = bestPhase(values, period: 2 * lag)
    let other = strong.phase >= lag ? strong.phase - lag : strong.phase + lag
    let weak = strength(values, period: 2 * lag, phase: other)
    return strong.score > 1.3 * weak ? 2 * lag : lag
  }

  /// Indices of the beats.
  private static func beats(_ values: [Double], lag: Double) -> [Int] {
    // Ellis' α: how much a step that is e times the lag costs, in standard deviations.
    let tightness = 100.0
    let (near, far) = (max(1, Int(lag / 2)), max(2, Int(2 * lag)))
    let costs = (near...far).map { step in
      -tightness * pow(log(Double(step) / lag), 2)
    }
    var scores = [Double](repeating: 0, count: values.count)
    var origins = [Int](repeating: -1, count: values.count)
    for index in values.indices {
      var best = 0.0
      for step in near...far where index - step >= 0 {
        let score = scores[index - step] + costs[step - near]
        if score > best {
          best = score
          origins[index] = index - step
        }
      }
      scores[index] = values[index] + best
    }
    // The last beat is the best end within the last lag.
    let tail = max(0, values.count - Int(lag.rounded(.up)))..<values.count
    var beat = tail.max { scores[$0] < scores[$1] } ?? -1
    var beats: [Int] = []
    while beat >= 0 {
      beats.append(beat)
      beat = origins[beat]
    }
    return beats.reversed()
  }

  /// The top of a parabola through a value and its neighbours, where it is a peak.
  private static func top(_ values: [Double], _ index: Int) -> Double {
    guard index > 0, index + 1 < values.count else { return Double(index) }
    let (a, b, c) = (values[index - 1], values[index], values[index + 1])
    let curvature = a - 2 * b + c
    guard curvature < 0, b >= a, b >= c else { return Double(index) }
    return Double(index) + (a - c) / (2 * curvature)
  }

  /// Period and phase of the regular grid through beats, by least squares.
  private static func line(
    through beats: [Double], near lag: Double
  ) -> (period: Double, phase: Double) {
    var numbers = [0.0]
    for index in 1..<beats.count {
      let steps = max(1, ((beats[index] - beats[index - 1]) / lag).rounded())
      numbers.append(numbers[index - 1] + steps)
    }
    let count = Double(beats.count)
    let (n, t) = (numbers.reduce(0, +) / count, beats.reduce(0, +) / count)
    var (nn, nt) = (0.0, 0.0)
    for (number, beat) in zip(numbers, beats) {
      nn += (number - n) * (number - n)
      nt += (number - n) * (beat - t)
    }
    let period = nn > 0 ? nt / nn : lag
    return (period, t - n * period)
  }

  /// A period within two hundredths, whose grid meets more onsets.
  private static func refined(
    _ values: [Double], period: Double, phase: Double
  ) -> (period: Double, phase: Double) {
    var best = (period: period, phase: phase, score: -1.0)
    for step in -20...20 {
      let candidate = period * (1 + Double(step) / 1_000)
      let found = bestPhase(values, period: candidate)
      // Only slightly better ones do not count against the beats' own line.
      let score = found.score * (1 - abs(Double(step)) / 2_000)
      if score > best.score { best = (candidate, found.phase, score) }
    }
    return (best.period, best.phase)
  }

  /// The phase, 0 up to the period, at which a grid meets most onsets, and how much it meets.
  private static func bestPhase(
    _ values: [Double], period: Double
  ) -> (phase: Double, score: Double) {
    // Quarters of a value.
    let places = max(1, Int((4 * period).rounded(.up)))
    var best = (phase: 0.0, score: -1.0)
    for place in 0..<places {
      let phase = Double(place) / 4
      let score = strength(values, period: period, phase: phase)
      if score > best.score { best = (phase, score) }
    }
    return best
  }

  /// The mean of what the grid meets, an onset's shoulders included.
  private static func strength(_ values: [Double], period: Double, phase: Double) -> Double {
    var (sum, count) = (0.0, 0.0)
    var time = phase
    while time < Double(values.count - 1) {
      let index = Int(time)
      let share = time - Double(index)
      let middle = values[index] * (1 - share) + values[index + 1] * share
      let before = index > 0 ? values[index - 1] * (1 - share) + values[index] * share : 0
      let after =
        index + 2 < values.count
        ? values[index + 1] * (1 - share) + values[index + 2] * share : 0
      sum += middle + before / 2 + after / 2
      count += 1
      time += period
    }
    return count > 0 ? sum / count : 0
  }

  private static func clarity(_ values: [Double], period: Double, phase: Double) -> Double {
    let mean = values.reduce(0, +) / Double(max(1, values.count))
    return mean > 0 ? strength(values, period: period, phase: phase) / (2 * mean) : 1
  }
}
