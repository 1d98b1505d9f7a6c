/// What all schedulers read of `scheduler/scheduler_config.json`.
struct SchedulerSettings: Sendable {
  enum BetaSchedule: String, Sendable {
    case linear
    case scaledLinear = "scaled_linear"
    case squaredCosine = "squaredcos_cap_v2"
  }

  static let mostTimesteps = 100_000

  /// The file, for messages.
  let file: String
  let schedulerClass: SchedulerClass
  let trainTimesteps: Int
  let betaStart: Double
  let betaEnd: Double
  let betaSchedule: BetaSchedule
  let trainedBetas: [Double]?
  let predictionType: PredictionType
  let timestepSpacing: TimestepSpacing
  let stepsOffset: Int
  let rescaleBetasZeroSNR: Bool
  /// What the predicted clean latents are kept within, both ways.
  let clip: Float?
  /// Whether the last step ends at ᾱ = 1 instead of timestep 0's.
  let setAlphaToOne: Bool

  /// Reads what the class takes; what is absent gets the class's own default.
  ///
  /// Throws `checkpoint` naming the first key whose value is not supported.
  init(_ config: ConfigReader, for schedulerClass: SchedulerClass) throws(DiffusionError) {
    let betas = schedulerClass.defaultBetas
    file = config.file
    self.schedulerClass = schedulerClass
    trainTimesteps = try config.integer(
      "num_train_timesteps", default: 1000, in: 1...Self.mostTimesteps)
    betaStart = try Self.beta(config, "beta_start", default: betas.start)
    betaEnd = try Self.beta(config, "beta_end", default: betas.end)
    betaSchedule = try Self.choice(
      config, "beta_schedule", default: betas.schedule)
    trainedBetas = try Self.trainedBetas(config, count: trainTimesteps)
    let prediction: PredictionType = try Self.choice(config, "prediction_type", default: .epsilon)
    guard schedulerClass.predictionTypes.contains(prediction) else {
      throw config.failure(
        "prediction_type",
        "is \(prediction.rawValue), which \(schedulerClass.name) does not support")
    }
    predictionType = prediction
    timestepSpacing = try Self.choice(
      config, "timestep_spacing", default: schedulerClass.defaultTimestepSpacing)
    stepsOffset = try config.integer("steps_offset", default: 0, in: 0...Self.mostTimesteps)
    rescaleBetasZeroSNR = try config.bool("rescale_betas_zero_snr", default: false)
    try config.require("thresholding", is: false)
    let range = Float(try config.double("clip_sample_range", default: 1))
    guard range > 0 else { throw config.failure("clip_sample_range", "must be above 0") }
    clip = try config.bool("clip_sample", default: schedulerClass.clipsByDefault) ? range : nil
    setAlphaToOne = try config.bool("set_alpha_to_one", default: schedulerClass.endsAtOneByDefault)
  }

  /// A value that is one of an enumeration's names.
  static func choice<Choice: RawRepresentable<String>>(
    _ config: ConfigReader, _ key: String, default fallback: Choice
  ) throws(DiffusionError) -> Choice {
    let name = try config.string(key, default: fallback.rawValue)
    guard let choice = Choice(rawValue: name) else {
      throw config.failure(key, "is \(name), which is not supported")
    }
    return choice
  }

  private static func beta(
    _ config: ConfigReader, _ key: String, default fallback: Double
  ) throws(DiffusionError) -> Double {
    let value = try config.double(key, default: fallback)
    guard 0...1 ~= value else { throw config.failure(key, "is \(value), outside 0 to 1") }
    return value
  }

  private static func trainedBetas(
    _ config: ConfigReader, count: Int
  ) throws(DiffusionError) -> [Double]? {
    guard let value = config.present("trained_betas") else { return nil }
    guard case .array(let values) = value, values.count == count else {
      throw config.failure(
        "trained_betas", "must be a list of num_train_timesteps, \(count), numbers")
    }
    var betas: [Double] = []
    for value in values {
      let beta: Double
      switch value {
      case .integer(let number): beta = Double(number)
      case .number(let number): beta = number
      case .null, .bool, .string, .array, .object:
        throw config.failure("trained_betas", "holds \(value.kindName); numbers are due")
      }
      guard 0...1 ~= beta else {
        throw config.failure("trained_betas", "holds \(beta), outside 0 to 1")
      }
      betas.append(beta)
    }
    return betas
  }

  /// For betas that leave no signal, or no noise, where a step divides by it.
  func degenerate(at timestep: Float) -> DiffusionError {
    .checkpoint(
      file,
      "beta_start, beta_end, trained_betas or rescale_betas_zero_snr leave no signal or no noise "
        + "at timestep \(timestep), which \(schedulerClass.name) cannot step from")
  }

  /// Whole timesteps of a run, the noisiest first, for classes that look them up in ᾱ.
  ///
  /// Throws where there are fewer than asked for, or the offset leads past the end of training.
  func wholeTimesteps(_ count: Int) throws(DiffusionError) -> [Int] {
    guard 1...trainTimesteps ~= count else {
      throw .invalid("steps", "\(count) is outside 1 to \(trainTimesteps), the steps of training")
    }
    let timesteps = timestepSpacing.timesteps(count, of: trainTimesteps, offset: stepsOffset)
      .map { Int($0.rounded(.toNearestOrEven)) }
    guard timesteps.allSatisfy({ 0..<trainTimesteps ~= $0 }) else {
      throw .invalid(
        "steps",
        "\(count) leads past timestep \(trainTimesteps - 1) with the model's steps_offset, "
          + "\(stepsOffset); fewer steps are possible")
    }
    return timesteps
  }
}
