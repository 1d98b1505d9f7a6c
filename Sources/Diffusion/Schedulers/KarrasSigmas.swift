#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Ratios of noise to signal whose seventh roots are evenly spaced: equation 5 of Karras et al., 2022
/// (arXiv:2206.00364).
struct KarrasSigmas: Sendable {
  private static let rho = 7.0

  /// `sigma_min` and `sigma_max` of the configuration; nil: where the schedule ends and begins.
  let minimum: Double?
  let maximum: Double?

  /// Throws `checkpoint` where a limit is not above 0 or training had a single timestep.
  init(_ config: ConfigReader, _ settings: SchedulerSettings) throws(DiffusionError) {
    guard settings.trainTimesteps > 1 else {
      throw config.failure("num_train_timesteps", "is 1; Karras sigmas need at least 2")
    }
    minimum = try Self.limit(config, "sigma_min")
    maximum = try Self.limit(config, "sigma_max")
  }

  private static func limit(
    _ config: ConfigReader, _ key: String
  ) throws(DiffusionError) -> Double? {
    guard config.has(key) else { return nil }
    let value = try config.double(key)
    guard value > 0 else { throw config.failure(key, "is \(value); it must be above 0") }
    return value
  }

  /// `count` ratios from the greatest down; `end` and `begin` stand in for absent limits.
  func values(_ count: Int, from begin: Double, to end: Double) -> [Double] {
    let last = pow(minimum ?? end, 1 / Self.rho)
    let first = pow(maximum ?? begin, 1 / Self.rho)
    return TimestepSpacing.linspace(to: 1, count: count).map { ramp in
      pow(first + ramp * (last - first), Self.rho)
    }
  }
}
