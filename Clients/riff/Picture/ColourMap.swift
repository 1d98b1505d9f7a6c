import ArgumentParser

/// Colours for how loud a place of a spectrogram is.
enum ColourMap: String, CaseIterable, ExpressibleByArgument {
  /// Matplotlib's "magma": its lightness rises evenly, in print and for the colour-blind, too.
  case magma
  /// White is silent.
  case grey

  /// Nine evenly spaced ones of magma's.
  private static let anchors: [(Float, Float, Float)] = [
    (0, 0, 4), (28, 16, 68), (79, 18, 123), (129, 37, 129), (181, 54, 122), (229, 80, 100),
    (251, 135, 97), (254, 194, 135), (252, 253, 191),
  ]

  /// Red, green and blue for 256 levels, silence first.
  var table: [(UInt8, UInt8, UInt8)] {
    (0..<256).map { level in
      switch self {
      case .grey: return (UInt8(255 - level), UInt8(255 - level), UInt8(255 - level))
      case .magma:
        let place = Float(level) / 255 * Float(Self.anchors.count - 1)
        let index = min(Int(place), Self.anchors.count - 2)
        let (low, high, share) = (
          Self.anchors[index], Self.anchors[index + 1], place - Float(index)
        )
        func mix(_ first: Float, _ second: Float) -> UInt8 {
          UInt8((first + (second - first) * share).rounded())
        }
        return (mix(low.0, high.0), mix(low.1, high.1), mix(low.2, high.2))
      }
    }
  }
}
