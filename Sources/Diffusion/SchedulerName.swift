/// The schedulers that a request may name; the raw value is what a person writes.
public enum SchedulerName: String, Sendable, CaseIterable {
  case ddim
  case pndm
  case euler
  case eulerAncestral = "euler-a"
  case dpmSolver = "dpm++2m"
  case dpmSolverKarras = "dpm++2m-karras"
  case lcm

  var schedulerClass: SchedulerClass {
    switch self {
    case .ddim: .ddim
    case .pndm: .pndm
    case .euler: .eulerDiscrete
    case .eulerAncestral: .eulerAncestral
    case .dpmSolver, .dpmSolverKarras: .dpmSolverMultistep
    case .lcm: .lcm
    }
  }
}
