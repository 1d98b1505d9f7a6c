/// Samples to integers of 16 or 24 bits.
///
/// 24 bits are rounded to the nearest step, without dither: its noise would lie 140 dB down, below
/// what any converter resolves and about as deep as the last bit of the 32-bit floats that come in.
/// 16 bits get triangular dither of two steps (Lipshitz, Wannamaker and Vanderkooy, "Quantization and
/// dither", 1992), which makes the error a noise that does not depend on the sound; a sample that is
/// exactly zero stays zero, so that silence is silent. The dither is the same in every run: equal
/// sounds give equal bytes. What exceeds full scale is clipped.
struct Quantizer {
  private let scale: Float
  private let isDithered: Bool
  private var state: UInt64 = 0x9E37_79B9_7F4A_7C15
  private var taken = 0

  /// - Parameter bits: 16 or 24.
  init(bits: Int) {
    self.scale = Float(1 << (bits - 1))
    self.isDithered = bits == 16
  }

  /// Steps of `count` sample frames, interleaved; the same however the sound is cut. Throws
  /// `invalidSamples` where one is not a number.
  mutating func interleave(_ samples: [[Float]], count: Int) throws(AudioIOError) -> [Int32] {
    var steps: [Int32] = []
    steps.reserveCapacity(count * samples.count)
    for frame in 0..<count {
      for (channel, values) in samples.enumerated() {
        let value = values[frame]
        guard !value.isNaN else {
          throw AudioIOError(
            .invalidSamples, field: "samples",
            "sample \(taken + frame) of channel \(channel + 1) is not a number")
        }
        let dither = isDithered && value != 0 ? nextTriangular() : 0
        // Clamped to a range whose ends a Float holds exactly.
        let step = (value * scale + dither).rounded(.toNearestOrEven)
        steps.append(Int32(max(-scale, min(scale - 1, step))))
      }
    }
    taken += count
    return steps
  }

  /// The sum of two uniform values of -0.5 to 0.5.
  private mutating func nextTriangular() -> Float {
    nextUniform() + nextUniform()
  }

  /// Knuth's generator for MMIX; its upper bits.
  private mutating func nextUniform() -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(state >> 40) / Float(1 << 24) - 0.5
  }
}
