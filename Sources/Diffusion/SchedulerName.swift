/// The schedulers that a request may name; the raw value is what a person writes.
public enum SchedulerName: String, Sendable, CaseIterable {
  /// `DDIMScheduler`, the one that `eta` works with. Song et al., 2020 (arXiv:2010.02502).
  case ddim
  /// `PNDMScheduler`, Stable Diffusion 1's own. Liu et al., 2022 (arXiv:2202.09778).
  case pndm
  /// `EulerDiscreteScheduler` without churn. Karras et al., 2022 (arXiv:2206.00364), algorithm 2.
  case euler
  /// `EulerAncestralDiscreteScheduler`: fresh noise at every step.
  case eulerAncestral = "euler-a"
  /// `DPMSolverMultistepScheduler` of type dpmsolver++. Lu et al., 2022 (arXiv:2211.01095).
  case dpmSolver = "dpm++2m"
  /// The same at the noise levels of Karras et al., 2022 (arXiv:2206.00364).
  case dpmSolverKarras = "dpm++2m-karras"
  /// `LCMScheduler`, for models distilled to few steps. Luo et al., 2023 (arXiv:2310.04378).
  case lcm
  /// `LMSDiscreteScheduler` of order 4.
  case lms
  /// `HeunDiscreteScheduler`: runs the model twice a step. Karras et al., 2022 (arXiv:2206.00364),
  /// algorithm 2.
  case heun
  /// `UniPCMultistepScheduler`. Zhao et al., 2023 (arXiv:2302.04867).
  case uniPC = "unipc"
  /// `DEISMultistepScheduler`. Zhang and Chen, 2022 (arXiv:2204.13902).
  case deis
  /// `DPMSolverMultistepScheduler` of type sde-dpmsolver++: fresh noise at every step. Lu et al., 2022
  /// (arXiv:2211.01095).
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
