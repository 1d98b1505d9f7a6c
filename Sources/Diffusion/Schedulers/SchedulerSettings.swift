/// `scheduler/scheduler_config.json` as the scheduler that runs would read it.
struct SchedulerSettings: Sendable {
  enum BetaSchedule: String, Sendable {
    case linear
    case scaledLinear = "scaled_linear"
    case squaredCosine = "squaredcos_cap_v2"
  }

  enum PredictionType: String, Sendable {
    case epsilon
    case velocity = "v_prediction"
    case sample
  }

  enum TimestepSpacing: String, Sendable {
    case leading
    case linspace
    case trailing
  }

  let trainTimesteps: Int
  let betaStart: Double
  let betaEnd: Double
  let betaSchedule: BetaSchedule
  let trainedBetas: [Double]?
  let clipSample: Bool
  let clipSampleRange: Float
  let setAlphaToOne: Bool
  let stepsOffset: Int
  let predictionType: PredictionType
  let timestepSpacing: TimestepSpacing
  let rescaleBetasZeroSNR: Bool

  /// Reads the file for `DDIMScheduler`, whose defaults stand in for what the file leaves open.
  ///
  /// `own`: whether the checkpoint's scheduler is a `DDIMScheduler`. `pipelineCorrections`: diffusers' `StableDiffusionPipeline` sets steps_offset to 1 and
  /// clip_sample to false in the configuration of the checkpoint's own scheduler.
  init(
    ddim config: ConfigReader, own: Bool, pipelineCorrections: Bool
  ) throws(DiffusionError) {
    trainTimesteps = try config.integer("num_train_timesteps", default: 1000, in: 1...100_000)
    betaStart = try config.double("beta_start", default: 0.0001)
    betaEnd = try config.double("beta_end", default: 0.02)
    guard (0...1).contains(betaStart), (0...1).contains(betaEnd) else {
      throw config.failure("beta_start or beta_end", "is outside 0 to 1")
    }
    betaSchedule = try Self.choice(config, "beta_schedule", .linear)
    predictionType = try Self.choice(config, "prediction_type", .epsilon)
    timestepSpacing = try Self.choice(config, "timestep_spacing", .leading)
    if case .array(let values) = config.present("trained_betas") {
      var betas: [Double] = []
      for value in values {
        switch value {
        case .integer(let number): betas.append(Double(number))
        case .number(let number): betas.append(number)
        case .null, .bool, .string, .array, .object:
          throw config.failure("trained_betas", "must hold numbers")
        }
      }
      guard betas.count == trainTimesteps else {
        throw config.failure("trained_betas", "must have num_train_timesteps entries")
      }
      trainedBetas = betas
    } else {
      try config.require("trained_betas", is: .null)
      trainedBetas = nil
    }
    try config.require("thresholding", is: false)
    clipSampleRange = Float(try config.double("clip_sample_range", default: 1))
    setAlphaToOne = try config.bool("set_alpha_to_one", default: true)
    rescaleBetasZeroSNR = try config.bool("rescale_betas_zero_snr", default: false)

    let clip = try config.bool("clip_sample", default: true)
    let offset = try config.integer("steps_offset", default: 0, in: 0...100_000)
    // A scheduler of another class hands on only what its file says, corrected.
    let clipCorrected = pipelineCorrections && (own || config.has("clip_sample"))
    let offsetCorrected = pipelineCorrections && (own || config.has("steps_offset"))
    clipSample = clipCorrected ? false : clip
    stepsOffset = offsetCorrected ? 1 : offset
  }

  private static func choice<Choice: RawRepresentable<String>>(
    _ config: ConfigReader, _ key: String, _ fallback: Choice
  ) throws(DiffusionError) -> Choice {
    let name = try config.string(key, default: fallback.rawValue)
    guard let choice = Choice(rawValue: name) else {
      throw config.failure(key, "is \(name), which is not supported")
    }
    return choice
  }
}
