#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A digital filter of second order: y[n] = b₀x[n] + b₁x[n−1] + b₂x[n−2] − a₁y[n−1] − a₂y[n−2].
struct Biquad {
  var b0, b1, b2, a1, a2: Double
  /// What the samples so far leave for the next two.
  private var (first, second) = (0.0, 0.0)

  init(b0: Double, b1: Double, b2: Double, a1: Double, a2: Double) {
    (self.b0, self.b1, self.b2, self.a1, self.a2) = (b0, b1, b2, a1, a2)
  }

  /// The filtered form of the next sample.
  mutating func next(_ sample: Double) -> Double {
    let output = b0 * sample + first
    first = b1 * sample - a1 * output + second
    second = b2 * sample - a2 * output
    return output
  }

  /// Squared magnitude of the response at `angle` radians a sample.
  func power(at angle: Double) -> Double {
    func squared(_ c0: Double, _ c1: Double, _ c2: Double) -> Double {
      let real = c0 + c1 * cos(angle) + c2 * cos(2 * angle)
      let imaginary = c1 * sin(angle) + c2 * sin(2 * angle)
      return real * real + imaginary * imaginary
    }
    return squared(b0, b1, b2) / squared(1, a1, a2)
  }
}
