/// The weight that loudness gives to frequencies: the two filters of ITU-R BS.1770-4, annex 1,
/// by the coefficients it lists for 48 kHz.
package enum KWeighting {
  /// A head's effect: a shelf that lifts what is above 2 kHz by 4 dB.
  private static let shelf = Biquad(
    b0: 1.53512485958697, b1: -2.69169618940638, b2: 1.19839281085285, a1: -1.69065929318241,
    a2: 0.73248077421585)
  /// A high pass at 38 Hz.
  private static let highPass = Biquad(
    b0: 1, b1: -2, b2: 1, a1: -1.99004745483398, a2: 0.99007225036621)

  /// The factor on power at `frequency` hertz, 0 ... 24,000.
  package static func power(at frequency: Double) -> Double {
    let angle = 2 * Double.pi * min(max(frequency, 0), 24_000) / 48_000
    return Self.shelf.power(at: angle) * Self.highPass.power(at: angle)
  }

  /// The weighted mean square of a sound at 48 kHz, full scale ±1, that begins from rest; 0 of none.
  package static func meanSquare(of samples: [Float]) -> Double {
    var (shelf, highPass) = (Self.shelf, Self.highPass)
    var sum = 0.0
    for sample in samples {
      let weighted = highPass.next(shelf.next(Double(sample)))
      sum += weighted * weighted
    }
    return samples.isEmpty ? 0 : sum / Double(samples.count)
  }
}
