import Diffusion
import Foundation
import Testing

/// Runs of diffusers' schedulers with a made-up model; see make_scheduler_fixtures.py.
@Suite("Every scheduler equals diffusers' class at every step")
struct SchedulerTests {
  struct Run: Decodable, CustomStringConvertible {
    let key: String
    let className: String
    let configuration: String
    let name: String?
    let corrected: Bool
    let steps: Int
    let eta: Double
    let start: Int
    let shape: String
    let seed: UInt64
    let timesteps: [Float]
    let noiseScale: Float
    let stepsOffset: Int

    var description: String {
      "\(key): \(name ?? "own"), \(steps) steps from \(start), η \(eta), \(className) "
        + configuration
    }
  }

  private static let file = "schedulers.safetensors"

  static func runs() throws -> [Run] {
    let data = try Data(contentsOf: URL(filePath: Fixture.path("schedulers.json")))
    return try JSONDecoder().decode([Run].self, from: data)
  }

  @Test func everyRun() throws {
    let runs = try Self.runs()
    #expect(runs.count > 100)
    for name in SchedulerName.allCases {
      #expect(runs.contains { $0.name == name.rawValue }, "\(name)")
    }
    for run in runs {
      do { try check(run) } catch { Issue.record("\(run): \(error)") }
    }
  }

  private func check(_ run: Run) throws {
    let outputs = try Fixture.tensor(Self.file, "\(run.shape)/outputs")
    let clean = try Fixture.tensor(Self.file, "\(run.shape)/clean").values
    let after = try Fixture.tensor(Self.file, "\(run.key)/after").values
    let noisy = try Fixture.tensor(Self.file, "\(run.key)/noisy").values
    let name = try run.name.map { try #require(SchedulerName(rawValue: $0)) }
    var trial = try SchedulerTrial(
      configuration: run.configuration, className: run.className,
      pipelineCorrections: run.corrected, name: name, steps: run.steps, eta: run.eta,
      seed: run.seed, shape: (outputs.shape[1], outputs.shape[2], outputs.shape[3]))
    #expect(trial.stepsOffset == run.stepsOffset, "\(run)")
    #expect(abs(trial.initialNoiseScale / run.noiseScale - 1) < 1e-6, "\(run)")
    guard trial.timesteps.count == run.timesteps.count else {
      Issue.record("\(run): \(trial.timesteps) is not \(run.timesteps)")
      return
    }
    for (timestep, expected) in zip(trial.timesteps, run.timesteps) {
      #expect(abs(timestep - expected) <= 1e-4, "\(run)")
    }
    let initial = try trial.initialNoise()
    let unscaled = initial.map { $0 / trial.initialNoiseScale }
    let begun = try trial.noisy(run.start, sample: clean, noise: unscaled)
    #expect(Fixture.relativeError(begun, noisy) < 1e-5, "\(run)")

    // Without signal the first sample is 4,096 times as large as the next, and rounded accordingly.
    let tolerance: Float = run.noiseScale > 1_000 ? 1e-4 : 1e-5
    var sample = run.start > 0 ? begun : initial
    let count = sample.count
    for index in run.start..<run.timesteps.count {
      let done = index - run.start
      let seen = try trial.modelInput(index, sample: sample)
      let base = outputs.values[(done % 16) * count..<(done % 16 + 1) * count]
      let output = zip(base, seen).map { $0 + 0.25 * $1 }
      sample = try trial.step(index, output: output, sample: sample)
      let expected = Array(after[done * count..<(done + 1) * count])
      let error = Fixture.relativeError(sample, expected)
      #expect(error < tolerance, "\(run): \(error) after step \(index)")
      if error >= tolerance { return }
    }
  }

  private static let scaled =
    #""beta_start":0.00085,"beta_end":0.012,"beta_schedule":"scaled_linear""#

  @Test(
    arguments: [
      (0, "DDIMScheduler", "{\(scaled)}"), (1, "DDIMScheduler", "{}"),
      (2, "DDIMScheduler", #"{"beta_schedule":"squaredcos_cap_v2"}"#),
      (3, "DDIMScheduler", #"{"rescale_betas_zero_snr":true,\#(scaled)}"#),
      (4, "EulerDiscreteScheduler", #"{"rescale_betas_zero_snr":true,\#(scaled)}"#),
      (5, "LCMScheduler", "{}"),
    ])
  func signalLeft(index: Int, className: String, configuration: String) throws {
    let trial = try SchedulerTrial(
      configuration: configuration, className: className, steps: 10)
    let expected = try Fixture.tensor(Self.file, "alphas/\(index)").values
    #expect(trial.alphasCumulative.count == expected.count)
    for (value, expected) in zip(trial.alphasCumulative, expected) {
      #expect(abs(value - expected) <= 1e-6 * max(expected, 1e-3))
    }
  }

  /// A trailing schedule must have as many timesteps as asked for, whatever rounding says.
  @Test(arguments: ["DDIMScheduler", "EulerDiscreteScheduler"])
  func everyCountOfSteps(className: String) throws {
    for steps in 1...1000 {
      let trial = try SchedulerTrial(
        configuration: #"{"timestep_spacing":"trailing"}"#, className: className, steps: steps)
      #expect(trial.timesteps.count == steps)
      #expect(trial.timesteps.first == 999)
      #expect(zip(trial.timesteps, trial.timesteps.dropFirst()).allSatisfy { $0 > $1 })
    }
  }

  /// Every count of steps either runs, with finite latents, or is refused naming the field.
  @Test(arguments: SchedulerName.allCases, ["leading", "linspace", "trailing"])
  func anyCountOfSteps(name: SchedulerName, spacing: String) throws {
    for steps in [1, 2, 3, 4, 5, 49, 50, 51, 333, 999, 1000, 1001, 0, -1, Int.max] {
      do {
        var trial = try SchedulerTrial(
          configuration: """
            {"beta_start":0.00085,"beta_end":0.012,"beta_schedule":"scaled_linear",
             "timestep_spacing":"\(spacing)","steps_offset":1}
            """, className: "DDIMScheduler", name: name, steps: steps, eta: 1)
        #expect(1...1000 ~= steps)
        var sample = try trial.initialNoise()
        for index in trial.timesteps.indices {
          let seen = try trial.modelInput(index, sample: sample)
          sample = try trial.step(index, output: seen, sample: sample)
        }
        let finite = sample.allSatisfy(\.isFinite)
        #expect(finite, "\(steps)")
      } catch {
        #expect(error.kind == .invalidArgument(field: "steps"))
        #expect(!(5...49 ~= steps), "\(error)")
      }
    }
  }
}
