import Diffusion
import Foundation
import Testing

@Suite("A checkpoint's scheduler is its own, and hostile settings are refused")
struct SchedulerConfigurationTests {
  @Test(
    arguments: [
      ("DDIMScheduler", "{}", .ddim), ("PNDMScheduler", "{}", .pndm),
      ("EulerDiscreteScheduler", "{}", .euler),
      ("EulerAncestralDiscreteScheduler", "{}", .eulerAncestral),
      ("DPMSolverMultistepScheduler", "{}", .dpmSolver),
      ("DPMSolverMultistepScheduler", #"{"use_karras_sigmas":true}"#, .dpmSolverKarras),
      ("LCMScheduler", "{}", .lcm), ("HeunDiscreteScheduler", "{}", .heun),
      ("LMSDiscreteScheduler", "{}", .lms),
      ("DEISMultistepScheduler", "{}", .deis), ("KDPM2DiscreteScheduler", "{}", .heun),
      ("DPMSolverMultistepScheduler", #"{"algorithm_type":"sde-dpmsolver++"}"#, .dpmSolverSDE),
      ("KDPM2AncestralDiscreteScheduler", "{}", .eulerAncestral),
      ("UniPCMultistepScheduler", #"{"use_karras_sigmas":true}"#, .uniPC),
      ("DPMSolverSinglestepScheduler", #"{"use_karras_sigmas":true}"#, .dpmSolverKarras),
      ("TCDScheduler", "{}", .lcm), ("IPNDMScheduler", "{}", .pndm),
      ("DDPMScheduler", "{}", .ddim), ("\u{1B}[2JScheduler", "{}", .ddim),
      // Its model predicts what PNDM cannot take.
      ("PNDMScheduler", #"{"prediction_type":"sample"}"#, .ddim),
    ] as [(String, String, SchedulerName)])
  func ownScheduler(className: String, configuration: String, name: SchedulerName) throws {
    let trial = try SchedulerTrial(configuration: configuration, className: className, steps: 4)
    #expect(trial.defaultName == name)
    let isOwn = className == name.schedulerClassName
    #expect(trial.warnings.count == (isOwn ? 0 : 1))
    #expect(trial.substitutions == trial.warnings)
    #expect(trial.warnings.allSatisfy { !$0.contains("\u{1B}") })
  }

  @Test func namesAreWhatPeopleWrite() {
    #expect(
      SchedulerName.allCases.map(\.rawValue) == [
        "ddim", "pndm", "euler", "euler-a", "dpm++2m", "dpm++2m-karras", "lcm", "lms",
        "heun", "unipc", "deis", "dpm++2m-sde",
      ])
  }

  /// Stable Diffusion 1.5's PNDM file has a setting of DDIM's.
  @Test func whatTheClassDoesNotTakeIsAWarning() throws {
    let trial = try SchedulerTrial(
      configuration: """
        {"_class_name":"PNDMScheduler","clip_sample":"nonsense","skip_prk_steps":true,"odd":1}
        """, className: "PNDMScheduler", steps: 4)
    #expect(trial.warnings.count == 1)
    #expect(trial.warnings.allSatisfy { $0.contains("clip_sample, odd") })
    #expect(trial.warnings.allSatisfy { !$0.contains("skip_prk_steps") })
  }

  private func refused(
    _ configuration: String, _ className: String, _ name: SchedulerName? = nil, key: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let error = try #require(throws: DiffusionError.self, sourceLocation: sourceLocation) {
      try SchedulerTrial(
        configuration: configuration, className: className, name: name, steps: 10)
    }
    #expect(
      error.kind == .checkpoint(file: "configuration", tensor: nil), "\(error)",
      sourceLocation: sourceLocation)
    #expect(error.message.contains(key), "\(error)", sourceLocation: sourceLocation)
  }

  @Test(
    arguments: [
      ("num_train_timesteps", "0"), ("num_train_timesteps", "-5"),
      ("num_train_timesteps", "100001"), ("num_train_timesteps", "1e300"),
      ("num_train_timesteps", "9223372036854775807"), ("num_train_timesteps", "\"many\""),
      ("beta_start", "NaN"), ("beta_start", "Infinity"), ("beta_start", "-0.1"),
      ("beta_end", "7"), ("beta_end", "-Infinity"), ("beta_end", "[]"),
      ("beta_schedule", "3"),
      ("trained_betas", "[]"), ("trained_betas", "[0.1]"), ("trained_betas", "0.1"),
      ("trained_betas", "{}"), ("prediction_type", "true"), ("timestep_spacing", "1"),
      ("steps_offset", "-1"),
      ("steps_offset", "9223372036854775807"), ("steps_offset", "0.5"),
    ])
  func everyClass(key: String, value: String) throws {
    for name in SchedulerName.allCases {
      try refused(
        #"{"\#(key)":\#(value)}"#, name.schedulerClassName, key: key)
      // Not the checkpoint's own: refused when it is chosen.
      try refused(#"{"\#(key)":\#(value)}"#, "KDPM2DiscreteScheduler", name, key: key)
    }
  }

  @Test(
    arguments: [
      ("DDIMScheduler", "thresholding", "1"), ("DDIMScheduler", "clip_sample", "1"),
      ("DDIMScheduler", "clip_sample_range", "0"), ("DDIMScheduler", "clip_sample_range", "NaN"),
      ("PNDMScheduler", "skip_prk_steps", "\"yes\""),
      ("EulerDiscreteScheduler", "interpolation_type", "[]"),
      ("EulerDiscreteScheduler", "use_beta_sigmas", "\"yes\""),
      ("DPMSolverMultistepScheduler", "solver_order", "0"),
      ("DPMSolverMultistepScheduler", "solver_type", "2"),
      ("DPMSolverMultistepScheduler", "lambda_min_clipped", "NaN"),
      ("DPMSolverMultistepScheduler", "lambda_min_clipped", "1e30"),
      ("DPMSolverMultistepScheduler", "lambda_min_clipped", "Infinity"),
      ("LCMScheduler", "original_inference_steps", "0"),
      ("LCMScheduler", "original_inference_steps", "1001"),
      ("LCMScheduler", "timestep_scaling", "1e300"),
      ("LCMScheduler", "timestep_scaling", "Infinity"),
    ])
  func oneClass(className: String, key: String, value: String) throws {
    try refused(#"{"\#(key)":\#(value)}"#, className, key: key)
  }

  /// What is not computed here is replaced and said, and the model stays usable.
  @Test(
    arguments: [
      ("DDIMScheduler", "beta_schedule", "\"sigmoid\""),
      ("PNDMScheduler", "prediction_type", "\"flow_prediction\""),
      ("LCMScheduler", "timestep_spacing", "\"random\""),
      ("DDIMScheduler", "thresholding", "true"),
      ("LCMScheduler", "thresholding", "true"),
      ("EulerDiscreteScheduler", "interpolation_type", "\"log_linear\""),
      ("EulerDiscreteScheduler", "use_exponential_sigmas", "true"),
      ("EulerDiscreteScheduler", "use_beta_sigmas", "true"),
      ("EulerDiscreteScheduler", "timestep_type", "\"continuous\""),
      ("EulerDiscreteScheduler", "final_sigmas_type", "\"half\""),
      ("DPMSolverMultistepScheduler", "algorithm_type", "\"sde-dpmsolver\""),
      ("UniPCMultistepScheduler", "predict_x0", "false"),
      ("UniPCMultistepScheduler", "solver_order", "4"),
      ("DPMSolverMultistepScheduler", "algorithm_type", "\"dpmsolver\""),
      ("DPMSolverMultistepScheduler", "solver_order", "3"),
      ("DPMSolverMultistepScheduler", "solver_type", "\"euler\""),
      ("DPMSolverMultistepScheduler", "use_lu_lambdas", "true"),
      ("DPMSolverMultistepScheduler", "use_flow_sigmas", "true"),
      ("DPMSolverMultistepScheduler", "variance_type", "\"learned_range\""),
    ])
  func unknownOptionsAreReplaced(className: String, key: String, value: String) throws {
    let plain = try SchedulerTrial(configuration: "{}", className: className, steps: 10)
    let trial = try SchedulerTrial(
      configuration: #"{"\#(key)":\#(value)}"#, className: className, steps: 10)
    #expect(trial.substitutions.count == 1)
    #expect(trial.substitutions.allSatisfy { $0.contains(key) && !$0.contains("\n") })
    #expect(trial.warnings == trial.substitutions)
    #expect(trial.timesteps == plain.timesteps)
    #expect(trial.alphasCumulative == plain.alphasCumulative)
    // Another sampler, which does not take the setting, has nothing to say of it.
    if key.hasPrefix("use_") || key.hasPrefix("solver") {
      let other = try SchedulerTrial(
        configuration: #"{"\#(key)":\#(value)}"#, className: className, name: .ddim, steps: 10)
      #expect(other.substitutions.isEmpty)
    }
  }

  @Test(arguments: ["sigma_min", "sigma_max"], ["0", "-1", "NaN", "\"x\""])
  func karrasLimits(key: String, value: String) throws {
    for className in ["EulerDiscreteScheduler", "DPMSolverMultistepScheduler"] {
      try refused(#"{"\#(key)":\#(value),"use_karras_sigmas":true}"#, className, key: key)
    }
  }

  /// Betas that leave nothing to divide by must not become infinities, let alone traps.
  @Test(
    arguments: [
      #"{"num_train_timesteps":1}"#,
      #"{"num_train_timesteps":1,"rescale_betas_zero_snr":true}"#,
      #"{"num_train_timesteps":2,"use_karras_sigmas":true,"rescale_betas_zero_snr":true}"#,
      #"{"num_train_timesteps":3,"original_inference_steps":3}"#,
      #"{"beta_start":0,"beta_end":0}"#,
      #"{"beta_start":0,"beta_end":0,"rescale_betas_zero_snr":true}"#,
      #"{"beta_start":1,"beta_end":1}"#,
      #"{"beta_start":1,"beta_end":1,"rescale_betas_zero_snr":true}"#,
      #"{"beta_start":1,"beta_end":0,"prediction_type":"v_prediction"}"#,
      #"{"beta_start":0.9,"beta_end":1,"use_karras_sigmas":true}"#,
      #"{"rescale_betas_zero_snr":true,"timestep_spacing":"trailing"}"#,
      #"{"num_train_timesteps":3,"trained_betas":[0,1,0.5]}"#,
      #"{"num_train_timesteps":3,"trained_betas":[5e-324,1e-300,1]}"#,
      #"{"steps_offset":100000,"timestep_spacing":"leading"}"#,
      #"{"sigma_min":1e300,"sigma_max":1e-300,"use_karras_sigmas":true}"#,
      #"{"sigma_min":1e-300,"sigma_max":1e300,"use_karras_sigmas":true}"#,
      #"{"clip_sample_range":1e300}"#,
    ])
  func degenerate(configuration: String) throws {
    for name in SchedulerName.allCases {
      for steps in [1, 2, 3, 4, 1000] {
        for className in [name.schedulerClassName, "KDPM2DiscreteScheduler"] {
          do {
            var trial = try SchedulerTrial(
              configuration: configuration, className: className,
              name: className == "KDPM2DiscreteScheduler" ? name : nil, steps: steps, eta: 1)
            var sample = try trial.initialNoise()
            var finite = true
            for index in trial.timesteps.indices {
              let seen = try trial.modelInput(index, sample: sample)
              finite = finite && seen.allSatisfy(\.isFinite)
              _ = try trial.noisy(index, sample: sample, noise: seen)
              sample = try trial.step(index, output: seen.map { _ in 0.5 }, sample: sample)
            }
            finite = finite && sample.allSatisfy(\.isFinite)
            #expect(finite, "\(name) \(steps)")
          } catch {
            #expect(error.kind != .internal, "\(error)")
          }
        }
      }
    }
  }
}

extension SchedulerName {
  /// The class in diffusers.
  var schedulerClassName: String {
    switch self {
    case .ddim: "DDIMScheduler"
    case .pndm: "PNDMScheduler"
    case .euler: "EulerDiscreteScheduler"
    case .eulerAncestral: "EulerAncestralDiscreteScheduler"
    case .dpmSolver, .dpmSolverKarras, .dpmSolverSDE: "DPMSolverMultistepScheduler"
    case .lcm: "LCMScheduler"
    case .lms: "LMSDiscreteScheduler"
    case .heun: "HeunDiscreteScheduler"
    case .uniPC: "UniPCMultistepScheduler"
    case .deis: "DEISMultistepScheduler"
    }
  }
}
