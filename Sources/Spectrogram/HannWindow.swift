#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The periodic Hann window, as `torch.hann_window` makes it: ½ − ½ cos(2πn / length).
func hannWindow(_ length: Int) -> [Float] {
  (0..<length).map { Float(0.5 - 0.5 * cos(2 * Double.pi * Double($0) / Double(length))) }
}

/// Where index `index` of a signal of `count` samples lies after reflection about its first and
/// last sample, as often as it takes (numpy's `reflect`).
func reflected(_ index: Int, count: Int) -> Int {
  guard count > 1 else { return 0 }
  let period = 2 * (count - 1)
  let place = ((index % period) + period) % period
  return place < count ? place : period - place
}
