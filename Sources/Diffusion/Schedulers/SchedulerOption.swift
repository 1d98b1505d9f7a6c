/// A setting of diffusers' schedulers of which some values only are computed here. A checkpoint that
/// has another one is used with what stands in for it, and a warning; values that no scheduler takes
/// are refused where the settings are read.
struct SchedulerOption {
  let key: String
  /// Strings or booleans that are computed here.
  let supported: [JSONValue]

  private static let all: [SchedulerOption] =
    [
      "thresholding", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas",
      "use_flow_sigmas",
    ].map { SchedulerOption(key: $0, supported: [.bool(false)]) } + [
      SchedulerOption("beta_schedule", "linear", "scaled_linear", "squaredcos_cap_v2"),
      SchedulerOption("prediction_type", "epsilon", "v_prediction", "sample"),
      SchedulerOption("timestep_spacing", "leading", "linspace", "trailing"),
      SchedulerOption("interpolation_type", "linear"),
      SchedulerOption("timestep_type", "discrete"),
      SchedulerOption("final_sigmas_type", "zero", "sigma_min"),
      // Solvers take names of their relatives and run as themselves.
      SchedulerOption("solver_type", "midpoint", "heun", "logrho", "bh1", "bh2"),
      SchedulerOption("variance_type"),
      SchedulerOption(key: "predict_x0", supported: [.bool(true)]),
    ]

  private init(key: String, supported: [JSONValue]) {
    self.key = key
    self.supported = supported
  }

  private init(_ key: String, _ supported: String...) {
    self.init(key: key, supported: supported.map { .string($0) })
  }

  /// Takes out what is not computed here, so that the class's default applies, and lowers orders
  /// above the highest there is.
  ///
  /// Returns a sentence for each.
  static func substitute(
    in members: inout [(name: String, value: JSONValue)], of schedulerClass: SchedulerClass,
    file: String
  ) -> [String] {
    var sentences: [String] = []
    let own = SchedulerOption(
      key: "algorithm_type", supported: schedulerClass.algorithms.map { .string($0) })
    for option in Self.all + [own] {
      guard let index = members.firstIndex(where: { $0.name == option.key }),
        let text = option.unsupported(members[index].value)
      else { continue }
      members.remove(at: index)
      sentences.append(
        "\(file): \(option.key) \(text) is not supported; \(schedulerClass.name) runs with its "
          + "default instead, so pictures may differ from diffusers'")
    }
    let highest = schedulerClass.highestOrder
    if let index = members.firstIndex(where: { $0.name == "solver_order" }),
      case .integer(let order) = members[index].value, order > highest
    {
      members[index].value = .integer(highest)
      sentences.append(
        "\(file): solver_order \(order) is not supported; \(highest) is used instead")
    }
    return sentences
  }

  /// The value as text, if it is of the option's kind and not computed here.
  private func unsupported(_ value: JSONValue) -> String? {
    switch value {
    case .string(let text):
      let isKnown = supported.contains { if case .string(text) = $0 { true } else { false } }
      let takesStrings = !supported.contains { if case .bool = $0 { true } else { false } }
      return isKnown || !takesStrings ? nil : "“\(text.printable(64))”"
    case .bool(let flag):
      return supported.contains { if case .bool(!flag) = $0 { true } else { false } }
        ? "\(flag)" : nil
    case .null, .integer, .number, .array, .object: return nil
    }
  }
}
