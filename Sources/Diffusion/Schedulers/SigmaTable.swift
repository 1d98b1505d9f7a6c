#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The ratios of noise to signal at the timesteps of training, and what lies between them.
///
/// The table is in f32 and interpolation in f64, as diffusers has it from PyTorch and numpy.
struct SigmaTable: Sendable {
  /// √((1 − ᾱ) / ᾱ) by timestep, rising.
  let values: [Float]
  private let logarithms: [Float]

  init(_ schedule: NoiseSchedule) {
    values = schedule.sigmas
    logarithms = values.map { log($0) }
  }

  /// The ratio at a timestep; before the first and after the last one it stays as it is there.
  func sigma(at timestep: Double) -> Double {
    let last = values.count - 1
    guard timestep > 0 else { return Double(values[0]) }
    guard timestep < Double(last) else { return Double(values[last]) }
    let below = Int(timestep)
    let slope = Double(values[below + 1]) - Double(values[below])
    return slope * (timestep - Double(below)) + Double(values[below])
  }

  /// The timestep of a ratio, between two of training by the logarithm; the table has at least two
  /// entries.
  func timestep(of sigma: Double) -> Double {
    let wanted = log(max(sigma, 1e-10))
    let below = min(
      logarithms.lastIndex { wanted - Double($0) >= 0 } ?? 0, logarithms.count - 2)
    let low = logarithms[below]
    let share = (Double(low) - wanted) / Double(low - logarithms[below + 1])
    let weight = min(max(share, 0), 1)
    return (1 - weight) * Double(below) + weight * Double(below + 1)
  }
}
