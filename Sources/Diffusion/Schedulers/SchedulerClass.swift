/// A scheduler class of diffusers that this room has; the raw value is its name there.
enum SchedulerClass: String, Sendable, CaseIterable {
  case ddim = "DDIMScheduler"
  case pndm = "PNDMScheduler"
  case eulerDiscrete = "EulerDiscreteScheduler"
  case eulerAncestral = "EulerAncestralDiscreteScheduler"
  case dpmSolverMultistep = "DPMSolverMultistepScheduler"
  case lcm = "LCMScheduler"

  /// Ours, or the one nearest to a class of diffusers that is not among ours: of the same family, as
  /// far as its name tells; DDIM for strangers.
  init(nearestTo name: String) {
    if let own = SchedulerClass(rawValue: name) {
      self = own
      return
    }
    self = Self.relatives.first { name.contains($0.part) }?.nearest ?? .ddim
  }

  /// Parts of other classes' names, the more telling first.
  private static let relatives: [(part: String, nearest: SchedulerClass)] = [
    ("EulerAncestral", .eulerAncestral), ("2AncestralDiscrete", .eulerAncestral),
    ("LCM", .lcm), ("TCD", .lcm), ("Euler", .eulerDiscrete), ("Heun", .eulerDiscrete),
    ("KDPM2", .eulerDiscrete), ("LMS", .eulerDiscrete), ("DPMSolver", .dpmSolverMultistep),
    ("UniPC", .dpmSolverMultistep), ("DEIS", .dpmSolverMultistep),
    ("SASolver", .dpmSolverMultistep), ("PNDM", .pndm),
  ]

  /// The settings that the class takes from a configuration; all others pass it by.
  var keys: Set<String> {
    let own =
      switch self {
      case .ddim: Self.clipping + ["set_alpha_to_one", "rescale_betas_zero_snr"]
      case .pndm: ["set_alpha_to_one", "skip_prk_steps"]
      case .eulerDiscrete:
        Self.sigmaSteps + ["interpolation_type", "timestep_type", "rescale_betas_zero_snr"]
      case .eulerAncestral: ["rescale_betas_zero_snr"]
      case .dpmSolverMultistep:
        Self.sigmaSteps + Self.thresholding + [
          "solver_order", "algorithm_type", "solver_type", "lower_order_final", "euler_at_final",
          "use_lu_lambdas", "use_flow_sigmas", "flow_shift", "lambda_min_clipped",
          "variance_type", "rescale_betas_zero_snr", "use_dynamic_shifting", "time_shift_type",
        ]
      case .lcm:
        Self.clipping + [
          "set_alpha_to_one", "rescale_betas_zero_snr", "original_inference_steps",
          "timestep_scaling",
        ]
      }
    return Set(Self.common + own)
  }

  private static let common = [
    "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas",
    "prediction_type", "timestep_spacing", "steps_offset",
  ]
  private static let thresholding = [
    "thresholding", "dynamic_thresholding_ratio", "sample_max_value",
  ]
  private static let clipping = thresholding + ["clip_sample", "clip_sample_range"]
  /// DPM-Solver's `__init__` does not name sigma_min and sigma_max, but its Karras sigmas heed them
  /// where the file has them.
  private static let sigmaSteps = [
    "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "sigma_min", "sigma_max",
    "final_sigmas_type",
  ]

  var defaultTimestepSpacing: TimestepSpacing {
    switch self {
    case .ddim, .pndm, .lcm: .leading
    case .eulerDiscrete, .eulerAncestral, .dpmSolverMultistep: .linspace
    }
  }

  var predictionTypes: [PredictionType] {
    switch self {
    case .pndm, .eulerAncestral: [.epsilon, .velocity]
    case .ddim, .eulerDiscrete, .dpmSolverMultistep, .lcm: [.epsilon, .velocity, .sample]
    }
  }

  /// Whether the class steps through ratios of noise to signal, which must stay finite.
  var usesSigmas: Bool {
    switch self {
    case .eulerDiscrete, .eulerAncestral, .dpmSolverMultistep: true
    case .ddim, .pndm, .lcm: false
    }
  }
}
