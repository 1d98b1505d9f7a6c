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
  /// Nil: a class that is not among ours.
  private let ownClass: SchedulerClass?
  private let pipelineCorrections: Bool

  /// The checkpoint's own scheduler, or DDIM where there is none of that class.
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
    let ownClass = SchedulerClass(rawValue: className)
    self.ownClass = ownClass
    switch ownClass {
    case .pndm: defaultScheduler = .pndm
    case .eulerDiscrete: defaultScheduler = .euler
    case .eulerAncestral: defaultScheduler = .eulerAncestral
    case .dpmSolverMultistep:
      let karras = try file.bool("use_karras_sigmas", default: false)
      defaultScheduler = karras ? .dpmSolverKarras : .dpmSolver
    case .lcm: defaultScheduler = .lcm
    case .ddim, nil: defaultScheduler = .ddim
    }
    if let ownClass {
      warnings = [file.warning(besides: ownClass.keys, of: className)].compactMap { $0 }
    } else {
      warnings = [
        "\(file.file): DDIMScheduler stands in for the checkpoint's own class, which is none of "
          + SchedulerClass.allCases.map(\.rawValue).joined(separator: ", ")
      ]
    }
    defaultPlan = try Self.plan(
      defaultScheduler, Self.members(of: file, for: ownClass, corrected: pipelineCorrections))
  }

  /// Throws `checkpoint` naming the first key whose value that scheduler does not support.
  func plan(_ name: SchedulerName?) throws(DiffusionError) -> SchedulerPlan {
    guard let name, name != defaultScheduler else { return defaultPlan }
    return try Self.plan(
      name, Self.members(of: file, for: nil, corrected: pipelineCorrections))
  }

  private static func plan(
    _ name: SchedulerName, _ file: ConfigReader
  ) throws(DiffusionError) -> SchedulerPlan {
    let schedulerClass = name.schedulerClass
    let keys = schedulerClass.keys
    let taken = file.members.filter { keys.contains($0.name) }
    return try SchedulerPlan(
      schedulerClass, ConfigReader(file: file.file, object: JSONObject(members: taken)),
      usesKarras: name == .dpmSolverKarras)
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
        "clip_sample", file.present("clip_sample") ?? .bool(false), whereAbsent: own == .ddim)
    }
    return ConfigReader(file: file.file, object: JSONObject(members: members))
  }
}
