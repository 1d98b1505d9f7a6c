/// How the timesteps of a run are spread over those of training: Table 2 of arXiv:2305.08891, with
/// the arithmetic of numpy, which diffusers uses for it.
enum TimestepSpacing: String, Sendable {
  case leading
  case linspace
  case trailing

  /// `count` timesteps of 0 to `total` − 1, the noisiest first. Those of `linspace` are not rounded;
  /// `leading` adds the offset, which may lead past the end.
  ///
  /// `total` and `count` are at least 1, `count` is at most `total` except for `leading`.
  func timesteps(_ count: Int, of total: Int, offset: Int) -> [Double] {
    switch self {
    case .linspace: Self.linspace(to: Double(total - 1), count: count).reversed()
    case .leading:
      (0..<count).reversed().map { Double($0 * (total / count) + offset) }
    case .trailing: Self.trailing(from: total, ratio: Double(total) / Double(count))
    }
  }

  /// From `last` down by `ratio` while above 0; each is rounded and one is taken away.
  ///
  /// Rounding makes numpy's `arange` one too long for some counts (61 of 1,000), and diffusers then
  /// runs a step at timestep −1. That one is left out here.
  static func trailing(from last: Int, ratio: Double) -> [Double] {
    let start = Double(last)
    let delta = (start - ratio) - start
    let count = Int((start / ratio).rounded(.up))
    return (0..<count).map { index in
      (start + Double(index) * delta).rounded(.toNearestOrEven) - 1
    }.filter { $0 >= 0 }
  }

  /// `numpy.linspace(0, end, count)`.
  static func linspace(to end: Double, count: Int) -> [Double] {
    guard count > 1 else { return [0] }
    let step = end / Double(count - 1)
    return (0..<count).map { $0 == count - 1 ? end : Double($0) * step }
  }
}
