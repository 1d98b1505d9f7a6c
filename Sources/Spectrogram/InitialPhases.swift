#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Phases for Griffin-Lim to start from: uniformly random, and always the same for the same seed
/// and frame, whatever block the frame comes in.
struct InitialPhases: Sendable {
  private let seed: UInt64
  /// Points of the unit circle: (cos, sin).
  private let circle: [(Float, Float)]

  private static let points = 4_096

  init(seed: UInt64) {
    self.seed = seed
    circle = (0..<Self.points).map {
      let angle = 2 * Double.pi * Double($0) / Double(Self.points)
      return (Float(cos(angle)), Float(sin(angle)))
    }
  }

  /// Writes magnitude × phase for every bin of a frame, interleaved.
  func apply(
    to magnitudes: UnsafePointer<Float>, bins: Int, frame: Int,
    output: UnsafeMutablePointer<Float>
  ) {
    var generator = SplitMix64(state: seed &+ UInt64(frame) &* 0xD1B5_4A32_D192_ED03)
    for bin in 0..<bins {
      let (re, im) = circle[Int(generator.next() >> 52)]
      output[2 * bin] = magnitudes[bin] * re
      output[2 * bin + 1] = magnitudes[bin] * im
    }
  }
}

/// The generator of Steele, Lea and Flood (2014): one addition and a mix a number.
struct SplitMix64 {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
