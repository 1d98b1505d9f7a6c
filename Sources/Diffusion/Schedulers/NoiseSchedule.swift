#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What every scheduler shares: how much signal is left at each training timestep.
///
/// Computed in the order and precision of diffusers, which keeps these tables in f32.
struct NoiseSchedule: Sendable {
  /// ᾱ(t): the product of 1 − β over the timesteps up to t.
  let alphasCumulative: [Float]

  var timesteps: Int { alphasCumulative.count }

  /// β by the settings of `scheduler_config.json`.
  ///
  /// Throws `checkpoint` where rescaling to zero terminal signal-to-noise ratio is not possible.
  init(_ settings: SchedulerSettings) throws(DiffusionError) {
    var betas = Self.betas(settings)
    if settings.rescaleBetasZeroSNR { betas = Self.rescaledToZeroSNR(betas) }
    var alphas = Self.cumulativeProduct(betas.map { 1 - $0 })
    if settings.rescaleBetasZeroSNR && settings.schedulerClass.usesSigmas {
      alphas[alphas.count - 1] = 0x1p-24
    }
    guard alphas.allSatisfy({ 0...1 ~= $0 }) else {
      throw .checkpoint(
        settings.file, "rescale_betas_zero_snr is true, but the betas cannot be rescaled")
    }
    alphasCumulative = alphas
  }

  /// √((1 − ᾱ) / ᾱ): the ratios of noise to signal.
  var sigmas: [Float] { alphasCumulative.map { ((1 - $0) / $0).squareRoot() } }

  private static func betas(_ settings: SchedulerSettings) -> [Float] {
    if let trained = settings.trainedBetas { return trained.map { Float($0) } }
    let count = settings.trainTimesteps
    switch settings.betaSchedule {
    case .linear:
      return linspace(settings.betaStart, settings.betaEnd, count)
    case .scaledLinear:
      return linspace(settings.betaStart.squareRoot(), settings.betaEnd.squareRoot(), count)
        .map { $0 * $0 }
    case .squaredCosine:
      func remaining(_ t: Double) -> Double {
        let wave = cos((t + 0.008) / 1.008 * Double.pi / 2)
        return wave * wave
      }
      return (0..<count).map { index in
        let start = remaining(Double(index) / Double(count))
        let end = remaining(Double(index + 1) / Double(count))
        return Float(min(1 - end / start, 0.999))
      }
    }
  }

  private static func linspace(_ start: Double, _ end: Double, _ count: Int) -> [Float] {
    let start = Float(start)
    let end = Float(end)
    guard count > 1 else { return [start] }
    let step = (end - start) / Float(count - 1)
    // PyTorch rounds once: multiplication and addition are one instruction.
    return (0..<count).map { index in
      index < count / 2
        ? start.addingProduct(step, Float(index))
        : end.addingProduct(-step, Float(count - 1 - index))
    }
  }

  private static func cumulativeProduct(_ factors: [Float]) -> [Float] {
    var product = 1.0
    return factors.map { factor in
      product *= Double(factor)
      return Float(product)
    }
  }

  /// Algorithm 1 of Lin et al., 2023 (arXiv:2305.08891): nothing of the signal is left at the end.
  private static func rescaledToZeroSNR(_ betas: [Float]) -> [Float] {
    var roots = cumulativeProduct(betas.map { 1 - $0 }).map { $0.squareRoot() }
    let first = roots[0]
    let last = roots[roots.count - 1]
    let stretch = first / (first - last)
    roots = roots.map { ($0 - last) * stretch }
    let squares = roots.map { $0 * $0 }
    return squares.indices.map { index in
      1 - (index == 0 ? squares[0] : squares[index] / squares[index - 1])
    }
  }
}
