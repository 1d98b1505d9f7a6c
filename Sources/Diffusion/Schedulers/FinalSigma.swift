/// Where a scheduler that steps through ratios of noise to signal ends; the raw value is
/// `final_sigmas_type` in a configuration.
enum FinalSigma: String, Sendable {
  case zero
  /// The ratio at timestep 0.
  case minimum = "sigma_min"

  func value(_ table: SigmaTable) -> Float {
    switch self {
    case .zero: 0
    case .minimum: table.values[0]
    }
  }
}
