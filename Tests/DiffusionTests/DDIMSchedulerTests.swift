import Diffusion
import Foundation
import Testing

@Suite("DDIM equals diffusers at every timestep")
struct DDIMSchedulerTests {
  private struct Cases: Decodable {
    struct Case: Decodable {
      let key: String
      let steps: Int
      let config: String
      let timesteps: [Float]
    }
    let cases: [Case]
  }

  @Test func everyStep() throws {
    let data = try Data(contentsOf: URL(filePath: Fixture.path("ddim.json")))
    let cases = try JSONDecoder().decode(Cases.self, from: data).cases
    #expect(cases.count == 20)
    for test in cases {
      var trial = try SchedulerTrial(configFile: Fixture.path(test.config), steps: test.steps)
      #expect(trial.timesteps == test.timesteps, "\(test.key)")
      var sample = try Fixture.tensor("ddim.safetensors", "\(test.key)/sample").values
      let outputs = try Fixture.tensor("ddim.safetensors", "\(test.key)/outputs").values
      let after = try Fixture.tensor("ddim.safetensors", "\(test.key)/after").values
      for step in 0..<test.steps {
        let range = step * 8..<(step + 1) * 8
        sample = try trial.step(step, output: Array(outputs[range]), sample: sample)
        let error = Fixture.relativeError(sample, Array(after[range]))
        #expect(error < 1e-4, "\(test.key) step \(step): \(error)")
      }
    }
  }

  @Test(arguments: 0..<5)
  func signalLeft(index: Int) throws {
    let trial = try SchedulerTrial(configFile: Fixture.path("ddim-\(index).json"), steps: 10)
    let expected = try Fixture.tensor("ddim.safetensors", "\(index)/alphas").values
    #expect(trial.alphasCumulative.count == expected.count)
    for (value, expected) in zip(trial.alphasCumulative, expected) {
      #expect(abs(value - expected) <= 2e-6)
    }
  }

  /// A trailing schedule must have as many timesteps as asked for, whatever rounding says.
  @Test func everyCountOfSteps() throws {
    for steps in 1...1000 {
      let trial = try SchedulerTrial(configFile: Fixture.path("ddim-1.json"), steps: steps)
      #expect(trial.timesteps.count == steps)
      #expect(trial.timesteps.first == 999)
      #expect(zip(trial.timesteps, trial.timesteps.dropFirst()).allSatisfy { $0 > $1 })
    }
  }

  @Test func anOffsetPastTheEndIsRefused() throws {
    let error = try #require(throws: DiffusionError.self) {
      try SchedulerTrial(configFile: Fixture.path("ddim-0.json"), steps: 1000)
    }
    #expect(error.kind == .invalidArgument(field: "steps"))
  }

  /// What diffusers' `DDIMScheduler.from_config` makes of another class's file: settings that are in
  /// it apply, DDIM's defaults stand in for the rest.
  @Test func anotherClassesFile() throws {
    try Fixture.withCopy(of: "sd1") { directory in
      let path = "\(directory)/scheduler/scheduler_config.json"
      try Fixture.editJSON(path) { config in
        config = [
          "_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012,
          "beta_schedule": "scaled_linear", "skip_prk_steps": true, "steps_offset": 1,
        ]
      }
      let trial = try SchedulerTrial(
        configFile: path, steps: 10, own: false, pipelineCorrections: true)
      #expect(trial.timesteps == [901, 801, 701, 601, 501, 401, 301, 201, 101, 1])
      try Fixture.editJSON("\(directory)/model_index.json") { index in
        index["scheduler"] = ["diffusers", "PNDMScheduler"]
      }
      let model = try DiffusionModel(directory: directory, threads: 1)
      #expect(model.info.schedulerClass == "PNDMScheduler")
      #expect(model.info.defaultScheduler == .ddim)
    }
  }
}
