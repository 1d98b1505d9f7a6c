/// `scheduler/scheduler_config.json` of a checkpoint, and the schedulers that can be made from it as
/// diffusers makes them.
///
/// The checkpoint's own scheduler is what `from_pretrained` gives, with the corrections that
/// `StableDiffusionPipeline` makes to it. Any other is what its class's `from_config` makes of the
/// own one's configuration: settings that the file holds (so corrected) apply where the class takes
/// them, and the class's own defaults stand in for the rest. What the own class had by default is
/// not handed on.
struct SchedulerConfiguration: Sendable {
  private let file: ConfigReader
  private let pipelineCorrections: Bool

  /// The checkpoint's own scheduler, or the nearest to it where there is none of that class.
  let defaultScheduler: SchedulerName
  let defaultPlan: SchedulerPlan
  /// What of the file has no effect on the default scheduler.
  let warnings: [String]

  /// `className`: the checkpoint's scheduler by its `model_index.json`. `pipelineCorrections`:
  /// whether its pipeline is one that sets steps_offset to 1 and clip_sample to false.
  ///
  /// Throws `checkpoint` naming the first key whose value the default scheduler does not support.
  init(
    _ file: ConfigReader, className: String, pipelineCorrections: Bool
  ) throws(DiffusionError) {
    self.file = file
    self.pipelineCorrections = pipelineCorrections
    let nearest = Self.nearest(to: className, file)
    let ownClass = nearest.name == className ? nearest : nil
    defaultScheduler = try Self.name(of: nearest, file)
    var plan = try Self.plan(
      nearest, Self.members(of: file, for: ownClass, corrected: pipelineCorrections))
    if ownClass == nil {
      plan.substitutions.insert(
        "\(file.file): \(nearest.name) stands in for \(className.printable(64)), which is not "
          + "supported, or not with this prediction_type", at: 0)
    }
    defaultPlan = plan
    let ignored = ownClass.flatMap { file.warning(besides: $0.keys, of: className) }
    warnings = [ignored].compactMap { $0 } + plan.substitutions
  }

  /// The class that runs for one of diffusers'. Where it cannot work with what the model predicts,
  /// DDIM can.
  private static func nearest(to className: String, _ file: ConfigReader) -> SchedulerClass {
    let nearest = SchedulerClass.nearest(to: className)
    guard case .string(let name)? = file.present("prediction_type"),
      let prediction = PredictionType(rawValue: name)
    else { return nearest }
    return nearest.predictionTypes.contains(prediction) ? nearest : .ddim
  }

  /// Ours for what the checkpoint runs with.
  private static func name(
    of schedulerClass: SchedulerClass, _ file: ConfigReader
  ) throws(DiffusionError) -> SchedulerName {
    let names = SchedulerName.allCases.filter {
      $0.method.schedulerClass.name == schedulerClass.name
    }
    guard names.count > 1 else { return names.first ?? .ddim }
    // DPM-Solver's kinds.
    if case .string("sde-dpmsolver++")? = file.present("algorithm_type") { return .dpmSolverSDE }
    return try file.bool("use_karras_sigmas", default: false) ? .dpmSolverKarras : .dpmSolver
  }

  /// Those that the model may run with: diffusers' classes that would ignore how its betas are to be
  /// rescaled are left out.
  var names: [SchedulerName] {
    SchedulerName.allCases.filter { $0 == defaultScheduler || !refuses($0) }
  }

  private func refuses(_ name: SchedulerName) -> Bool {
    guard case .bool(true)? = file.present("rescale_betas_zero_snr") else { return false }
    return name.method.schedulerClass.refusesZeroSNR
  }

  /// Throws `checkpoint` naming the first key whose value that scheduler does not support, and
  /// `invalidArgument` for one that the model must not run with.
  func plan(_ name: SchedulerName?) throws(DiffusionError) -> SchedulerPlan {
    guard let name, name != defaultScheduler else { return defaultPlan }
    guard !refuses(name) else {
      throw .invalid(
        "scheduler",
        "\(name.rawValue) ignores rescale_betas_zero_snr, which this model was trained with; choose "
          + names.map(\.rawValue).joined(separator: ", "))
    }
    let (schedulerClass, settings) = name.method
    return try Self.plan(
      schedulerClass, Self.members(of: file, for: nil, corrected: pipelineCorrections),
      settings: settings)
  }

  /// `settings` stand in for the file's.
  private static func plan(
    _ schedulerClass: SchedulerClass, _ file: ConfigReader,
    settings: [(name: String, value: JSONValue)] = []
  ) throws(DiffusionError) -> SchedulerPlan {
    let keys = schedulerClass.keys
    var taken = file.members.filter { member in
      keys.contains(member.name) && !settings.contains { $0.name == member.name }
    }
    taken += settings
    let substitutions = SchedulerOption.substitute(
      in: &taken, of: schedulerClass, file: file.file)
    var plan = try SchedulerPlan(
      schedulerClass, ConfigReader(file: file.file, object: JSONObject(members: taken)))
    plan.substitutions = substitutions
    return plan
  }

  /// The file as the pipeline corrects it, for its own class or (nil) as it is handed on.
  private static func members(
    of file: ConfigReader, for own: SchedulerClass?, corrected: Bool
  ) -> ConfigReader {
    guard corrected else { return file }
    var members = file.members
    func set(_ key: String, _ value: JSONValue, whereAbsent: Bool) {
      if let index = members.firstIndex(where: { $0.name == key }) {
        members[index].value = value
      } else if whereAbsent {
        members.append((key, value))
      }
    }
    set("steps_offset", .integer(1), whereAbsent: own != nil)
    if case .bool(true) = file.present("clip_sample") {
      set("clip_sample", .bool(false), whereAbsent: false)
    } else {
      // Only DDIM clips by default.
      set(
        "clip_sample", file.present("clip_sample") ?? .bool(false),
        whereAbsent: own?.clipsByDefault == true)
    }
    return ConfigReader(file: file.file, object: JSONObject(members: members))
  }
}
