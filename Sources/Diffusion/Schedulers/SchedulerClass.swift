/// A scheduler class of diffusers that this room has: one row of the table, which stands with the scheduler.
struct SchedulerClass: Sendable {
  /// Makes a scheduler of so many steps, 1 to the timesteps of training; η counts for DDIM alone.
  typealias Maker = @Sendable (_ steps: Int, _ eta: Float) throws(DiffusionError) -> any Scheduler

  /// Its name in diffusers.
  let name: String
  /// Settings that it takes from a configuration besides ``common``; all others pass it by.
  private let own: [String]
  let defaultTimestepSpacing: TimestepSpacing
  let predictionTypes: [PredictionType]
  /// Whether the class steps through ratios of noise to signal, which must stay finite.
  let usesSigmas: Bool
  /// The highest `solver_order` that is computed here.
  let highestOrder: Int
  /// Values of `algorithm_type` that it takes, its relatives' among them.
  let algorithms: [String]
  /// Whether a model whose betas are to be rescaled to zero signal must not run with it, since
  /// diffusers' class would ignore that.
  let refusesZeroSNR: Bool
  /// Betas that the class has by default.
  let defaultBetas: (start: Double, end: Double, schedule: SchedulerSettings.BetaSchedule)
  let clipsByDefault: Bool
  let endsAtOneByDefault: Bool
  /// Reads what the class alone takes. Throws `checkpoint` naming the first key whose value is not
  /// supported; the maker throws `invalidArgument` for steps where it cannot take so many or so few.
  let prepare:
    @Sendable (ConfigReader, SchedulerSettings, NoiseSchedule) throws(DiffusionError) -> Maker

  init(
    _ name: String, keys: [String] = [], spacing: TimestepSpacing,
    predictions: [PredictionType] = [.epsilon, .velocity, .sample], usesSigmas: Bool,
    highestOrder: Int = 2, algorithms: [String] = ["dpmsolver++", "deis", "sde-dpmsolver++"],
    refusesZeroSNR: Bool = false,
    betas: (start: Double, end: Double, schedule: SchedulerSettings.BetaSchedule) = (
      0.0001, 0.02, .linear
    ),
    clips: Bool = false, endsAtOne: Bool = true,
    prepare:
      @escaping @Sendable (
        ConfigReader, SchedulerSettings, NoiseSchedule
      ) throws(DiffusionError) -> Maker
  ) {
    self.name = name
    own = keys
    defaultTimestepSpacing = spacing
    predictionTypes = predictions
    self.usesSigmas = usesSigmas
    self.highestOrder = highestOrder
    self.algorithms = algorithms
    self.refusesZeroSNR = refusesZeroSNR
    defaultBetas = betas
    clipsByDefault = clips
    endsAtOneByDefault = endsAtOne
    self.prepare = prepare
  }

  static let all: [SchedulerClass] = [
    .ddim, .pndm, .eulerDiscrete, .eulerAncestral, .dpmSolverMultistep, .lcm, .lmsDiscrete,
    .heunDiscrete, .uniPCMultistep, .deisMultistep,
  ]

  /// Ours of that name.
  static func named(_ name: String) -> SchedulerClass? { all.first { $0.name == name } }

  /// Ours, or the one nearest to a class of diffusers that is not among ours: of the same family, as
  /// far as its name tells; DDIM for strangers.
  static func nearest(to name: String) -> SchedulerClass {
    named(name) ?? relatives.first { name.contains($0.part) }?.nearest ?? .ddim
  }

  /// Parts of other classes' names, the more telling first.
  private static let relatives: [(part: String, nearest: SchedulerClass)] = [
    ("EulerAncestral", .eulerAncestral), ("2AncestralDiscrete", .eulerAncestral),
    ("LCM", .lcm), ("TCD", .lcm), ("Euler", .eulerDiscrete), ("Heun", .heunDiscrete),
    ("KDPM2", .heunDiscrete), ("LMS", .lmsDiscrete), ("DPMSolver", .dpmSolverMultistep),
    ("UniPC", .uniPCMultistep), ("DEIS", .deisMultistep), ("SASolver", .dpmSolverMultistep),
    ("PNDM", .pndm),
  ]

  /// The settings that the class takes from a configuration; all others pass it by.
  var keys: Set<String> { Set(Self.common + own) }

  private static let common = [
    "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas",
    "prediction_type", "timestep_spacing", "steps_offset",
  ]
  static let thresholding = [
    "thresholding", "dynamic_thresholding_ratio", "sample_max_value",
  ]
  static let clipping = ["clip_sample", "clip_sample_range"]
  /// DPM-Solver's `__init__` does not name sigma_min and sigma_max, but its Karras sigmas heed them
  /// where the file has them.
  static let sigmaSteps = [
    "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "sigma_min", "sigma_max",
    "final_sigmas_type",
  ]
}
