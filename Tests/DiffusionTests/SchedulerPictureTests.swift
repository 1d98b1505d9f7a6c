import Diffusion
import Foundation
import Testing

@Suite("A picture with any scheduler equals diffusers' pipeline")
struct SchedulerPictureTests {
  private let request = DiffusionRequest(
    prompt: "funk bassline with a jazzy saxophone solo", seed: 77, steps: 6, guidanceScale: 5,
    width: 24, height: 16)

  @Test(
    arguments: SchedulerName.allCases.map { ($0, 0) } + [(.ddim, 0.6), (.pndm, 0.6)]
      as [(SchedulerName, Double)])
  func wholePicture(name: SchedulerName, eta: Double) throws {
    var request = request
    request.scheduler = name
    request.eta = eta
    let picture = try Fixture.model("sd1").picture(request) { _ in }
    // η is DDIM's alone; the others ignore it.
    let expected = try Fixture.tensor(
      "scheduler-pictures.safetensors", "\(name.rawValue)/\(name == .ddim ? eta : 0.0)")
    #expect(Fixture.relativeError(picture, expected.values) < 1e-3)
  }

  /// The checkpoint's own class is the default, whatever the file calls itself.
  @Test(arguments: SchedulerName.allCases)
  func defaultScheduler(name: SchedulerName) throws {
    try Fixture.withCopy(of: "sd1") { directory in
      try Fixture.editJSON("\(directory)/model_index.json") { index in
        index["scheduler"] = ["diffusers", name.schedulerClassName]
      }
      try Fixture.editJSON("\(directory)/scheduler/scheduler_config.json") { config in
        config["use_karras_sigmas"] = name == .dpmSolverKarras
        config["algorithm_type"] = name == .dpmSolverSDE ? "sde-dpmsolver++" : nil
      }
      let model = try SoloModel(directory: directory, threads: 1)
      #expect(model.info.defaultScheduler == name)
      #expect(Set(model.info.schedulers) == Set(SchedulerName.allCases))
      var request = request
      request.steps = 4
      let own = try model.picture(request) { _ in }
      request.scheduler = name
      let named = try model.picture(request) { _ in }
      #expect(own == named)
      for other in SchedulerName.allCases where other != name {
        request.scheduler = other
        let different = try model.picture(request) { _ in }
        #expect(own != different)
      }
    }
  }

  @Test func anotherClassIsAWarning() throws {
    try Fixture.withCopy(of: "sd1") { directory in
      try Fixture.editJSON("\(directory)/model_index.json") { index in
        index["scheduler"] = ["diffusers", "KDPM2DiscreteScheduler"]
      }
      let model = try SoloModel(directory: directory, threads: 1)
      #expect(model.info.defaultScheduler == .heun)
      #expect(model.info.warnings.contains { $0.contains("HeunDiscreteScheduler stands in") })
    }
  }

  /// A configuration may leave fewer timesteps than steps were asked for.
  @Test(arguments: [0.2, 1])
  func paintingOverWithFewTimesteps(strength: Double) throws {
    try Fixture.withCopy(of: "sd1") { directory in
      try Fixture.editJSON("\(directory)/scheduler/scheduler_config.json") { config in
        config["timestep_spacing"] = "trailing"
        config["lambda_min_clipped"] = 0
      }
      let model = try SoloModel(directory: directory, threads: 1)
      var request = request
      request.scheduler = .dpmSolver
      var steps = 0
      _ = try model.picture(request) { if $0.stage == .denoising { steps = $0.steps } }
      #expect(1..<request.steps ~= steps)
      let image = RasterImage(
        width: 2, height: 1, pixels: [UInt8](repeating: 90, count: 6))
      request.initial = InitialPicture(image: image, strength: strength)
      let picture = try model.picture(request) { _ in }
      #expect(picture.count == 3 * request.width * request.height)
    }
  }

  /// diffusers' classes that would ignore how a model's betas are to be rescaled are not offered for it.
  @Test(arguments: [SchedulerName.lms, .heun, .deis])
  func noSchedulerThatIgnoresTheSignal(name: SchedulerName) throws {
    let model = try Fixture.model("sd2")
    #expect(!model.info.schedulers.contains(name))
    var request = request
    request.scheduler = name
    let error = try #require(throws: DiffusionError.self) {
      try model.picture(request) { _ in }
    }
    #expect(error.kind == .invalidArgument(field: "scheduler"))
    #expect(error.message.contains(name.rawValue))
  }

  @Test func stepsThatASchedulerCannotTake() throws {
    var request = request
    request.scheduler = .lcm
    request.steps = 51
    let error = try #require(throws: DiffusionError.self) {
      try Fixture.model("sd1").picture(request) { _ in }
    }
    #expect(error.kind == .invalidArgument(field: "steps"))
  }
}
