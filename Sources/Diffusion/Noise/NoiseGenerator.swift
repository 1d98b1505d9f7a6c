#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The numbers PyTorch's CPU generator gives for a seed: mt19937 (Matsumoto and Nishimura, 1998)
/// and `torch.randn`'s two ways of making normal samples of it.
///
/// Successive calls continue the same stream, as successive `randn` calls on one generator do.
package struct NoiseGenerator: Sendable {
  private static let size = 624
  private static let shift = 397

  private var state: [UInt32]
  private var position = Self.size
  /// The second sample of the last pair that the scalar way made.
  private var spare: Double?

  /// Only the seed's lower 32 bits count, as in PyTorch.
  package init(seed: UInt64) {
    state = [UInt32(truncatingIfNeeded: seed)]
    state.reserveCapacity(Self.size)
    for index in 1..<Self.size {
      let last = state[index - 1]
      state.append(1_812_433_253 &* (last ^ last >> 30) &+ UInt32(index))
    }
  }

  private mutating func next() -> UInt32 {
    if position == Self.size { twist() }
    var y = state[position]
    position += 1
    y ^= y >> 11
    y ^= y << 7 & 0x9d2c_5680
    y ^= y << 15 & 0xefc6_0000
    y ^= y >> 18
    return y
  }

  private mutating func twist() {
    for index in 0..<Self.size {
      let following = state[(index + 1) % Self.size]
      let mixed = state[index] & 0x8000_0000 | following & 0x7fff_ffff
      state[index] =
        state[(index + Self.shift) % Self.size] ^ mixed >> 1
        ^ (following & 1 == 0 ? 0 : 0x9908_b0df)
    }
    position = 0
  }

  /// 53 bits in [0, 1); the first of two draws is the upper half.
  private mutating func uniform() -> Double {
    let upper = UInt64(next())
    let bits = upper << 32 | UInt64(next())
    return Double(bits & (1 << 53 - 1)) * 0x1p-53
  }

  /// `torch.randn(count, generator=…)` in f32, in PyTorch's order: the last dimension fastest.
  package mutating func normal(_ count: Int) -> [Float] {
    guard count >= 16 else { return (0..<max(count, 0)).map { _ in Float(scalarNormal()) } }
    var values = (0..<count).map { _ in Float(next() & 0xff_ffff) * 0x1p-24 }
    for start in stride(from: 0, through: count - 16, by: 16) {
      Self.transform(&values, from: start)
    }
    if count % 16 != 0 {
      for index in count - 16..<count { values[index] = Float(next() & 0xff_ffff) * 0x1p-24 }
      Self.transform(&values, from: count - 16)
    }
    return values
  }

  /// Box-Muller over sixteen uniforms: eight radii, then eight angles.
  private static func transform(_ values: inout [Float], from start: Int) {
    for index in start..<start + 8 {
      let radius = (-2 * log(Double(1 - values[index]))).squareRoot()
      let angle = 2 * Double.pi * Double(values[index + 8])
      values[index] = Float(radius * cos(angle))
      values[index + 8] = Float(radius * sin(angle))
    }
  }

  private mutating func scalarNormal() -> Double {
    if let sample = spare {
      spare = nil
      return sample
    }
    let first = uniform()
    let second = uniform()
    let radius = (-2 * log1p(-second)).squareRoot()
    let angle = 2 * Double.pi * first
    spare = radius * sin(angle)
    return radius * cos(angle)
  }
}
