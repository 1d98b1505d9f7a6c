/// Timesteps and ratios of noise to signal of diffusers' multi-step solvers (DPM-Solver, UniPC, DEIS),
/// which leave out the step that would end at timestep 0.
struct MultistepSigmas: Sendable {
  let timesteps: [Float]
  /// Of every timestep, and the one after the last.
  let sigmas: [Float]
  let levels: [NoiseLevel]

  /// How Karras sigmas become timesteps.
  enum Rounding: Sendable {
    case nearest
    case cut
  }

  /// `usable`: timesteps of training that may be used, the cleanest ones; `final`: the ratio after the
  /// last step, nil: once more that of the last.
  ///
  /// Throws for so many steps that two of them would fall on one timestep.
  init(
    _ settings: SchedulerSettings, _ schedule: NoiseSchedule, karras: KarrasSigmas?,
    rounding: Rounding, usable: Int, final: Float?, steps count: Int
  ) throws(DiffusionError) {
    let table = SigmaTable(schedule)
    let spaced = Self.timesteps(settings, usable: usable, count: count)
    let sigmas: [Float]
    if let karras {
      let values = karras.values(
        count, from: Double(table.values[table.values.count - 1]), to: Double(table.values[0]))
      timesteps = values.map { sigma in
        Float(
          table.timestep(of: sigma)
            .rounded(rounding == .nearest ? .toNearestOrEven : .towardZero))
      }
      sigmas = values.map { Float($0) }
    } else {
      timesteps = spaced.map { Float($0) }
      sigmas = spaced.map { Float(table.sigma(at: $0)) }
    }
    for (timestep, sigma) in zip(timesteps, sigmas) {
      guard sigma > 0, sigma.isFinite else { throw settings.degenerate(at: timestep) }
    }
    guard zip(sigmas, sigmas.dropFirst()).allSatisfy({ $0 > $1 }) else {
      throw .invalid(
        "steps", "\(count) are too many for this scheduler: timesteps would occur twice")
    }
    // A run has at least one step.
    self.sigmas = sigmas + [final ?? sigmas[sigmas.count - 1]]
    levels = self.sigmas.map { NoiseLevel(sigma: $0) }
  }

  /// Timesteps before Karras sigmas replace them, the noisiest first.
  private static func timesteps(
    _ settings: SchedulerSettings, usable: Int, count: Int
  ) -> [Double] {
    switch settings.timestepSpacing {
    case .linspace, .leading:
      settings.timestepSpacing
        .timesteps(count + 1, of: usable, offset: settings.stepsOffset).dropLast()
        .map { $0.rounded(.toNearestOrEven) }
    case .trailing:
      TimestepSpacing.trailing(
        from: usable, ratio: Double(settings.trainTimesteps) / Double(count))
    }
  }

  /// ln(signal / noise).
  func lambda(_ index: Int) -> Float { log(levels[index].signal) - log(levels[index].noise) }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif
