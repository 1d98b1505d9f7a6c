/// The schedulers that a request may name; the raw value is what a person writes.
public enum SchedulerName: String, Sendable, CaseIterable {
  case ddim
  case pndm
  case euler
  case eulerAncestral = "euler-a"
  case dpmSolver = "dpm++2m"
  case dpmSolverKarras = "dpm++2m-karras"
  case lcm
  case lms
  case heun
  case uniPC = "unipc"
  case deis
  case dpmSolverSDE = "dpm++2m-sde"

  /// diffusers' class, and the settings that tell the name from others of that class.
  var method: (schedulerClass: SchedulerClass, settings: [(name: String, value: JSONValue)]) {
    switch self {
    case .ddim: (.ddim, [])
    case .pndm: (.pndm, [])
    case .euler: (.eulerDiscrete, [])
    case .eulerAncestral: (.eulerAncestral, [])
    case .dpmSolver: (.dpmSolverMultistep, Self.dpm("dpmsolver++", karras: false))
    case .dpmSolverKarras: (.dpmSolverMultistep, Self.dpm("dpmsolver++", karras: true))
    case .dpmSolverSDE: (.dpmSolverMultistep, Self.dpm("sde-dpmsolver++", karras: false))
    case .lcm: (.lcm, [])
    case .lms: (.lmsDiscrete, [])
    case .heun: (.heunDiscrete, [])
    case .uniPC: (.uniPCMultistep, [])
    case .deis: (.deisMultistep, [])
    }
  }

  private static func dpm(
    _ algorithm: String, karras: Bool
  ) -> [(name: String, value: JSONValue)] {
    [("algorithm_type", .string(algorithm)), ("use_karras_sigmas", .bool(karras))]
  }
}
