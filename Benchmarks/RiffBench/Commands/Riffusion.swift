import ArgumentParser
import Diffusion
import Riff

/// A whole job of a model of Stable Diffusion 1.5's size, as a few-step adapter and a tiny autoencoder make
/// it quick: weights made up, half of them a file's usual f16.
struct Riffusion: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: """
      Prompt to 5.12 s of Opus from an SD-1.5-sized model: 4 LCM steps, guidance off, AutoencoderTiny; and \
      the memory that it takes.
      """)

  @OptionGroup var options: EngineOptions
  @Option(help: "Precisions of the model. (default: --precision, where it is not f32, or else all)")
  var precisions: [Precision] = []

  /// At most so many seconds of computing a second of sound, and GB.
  private static func target(_ precision: Precision) -> (share: Double, memory: Double)? {
    switch precision {
    case .f32: nil
    case .bf16: (1.5, 2.4)
    case .int8: (1.15, 1.6)
    }
  }

  func run() async throws {
    let plan = try StableDiffusionPlan(folder: self.options.model)
    let scratch = try Scratch(in: self.options.scratch)
    // The checkpoint stays as long as it.
    defer { withExtendedLifetime(scratch) {} }
    let checkpoint = try scratch.checkpoint(of: plan, .f16)
    let one = self.options.precision == .f32 ? Precision.allCases : [self.options.precision]
    print(
      """
      | precision | prompt to 5.12 s of Opus, s: median (fastest, slowest) | of its playing time | target \
      | the first, weights read | denoising | decoding | sound | peak memory, GB | target |
      |---|---|---|---|---|---|---|---|---|---|
      """)
    for precision in self.precisions.isEmpty ? one : self.precisions {
      // A process each, whose peak is its own.
      let figures = try ChildRun(
        [
          "riffusion", "--checkpoint", checkpoint, "--precision", precision.rawValue, "--threads",
          "\(self.options.threads)", "--runs", "\(self.options.runs)",
        ]
      ).answer
      print("| \(precision.rawValue) | \(Self.cells(figures, Self.target(precision))) |")
    }
  }

  private static func cells(
    _ figures: [Double], _ target: (share: Double, memory: Double)?
  ) -> String {
    guard figures.count == 8 else { return "no answer" }
    func text(_ index: Int) -> String { Samples.format(figures[index]) }
    let share = figures[1] / 5.12
    return [
      "\(text(1)) (\(text(2)), \(text(3)))", Samples.format(share),
      target.map { "≤ \($0.share): \(share <= $0.share ? "met" : "missed")" } ?? "",
      text(4), text(5), text(6), text(7), text(0),
      target.map { "≤ \($0.memory): \(figures[0] <= $0.memory ? "met" : "missed")" } ?? "",
    ].joined(separator: " | ")
  }

  /// What the process of its own does: peak memory; median, fastest and slowest of the whole; the first;
  /// medians of denoising, decoding and sound.
  static func figures(
    checkpoint: String, precision: PrecisionChoice, threads: Int, runs: Int
  ) async throws -> [Double] {
    var model = ModelLocation(
      name: "bench", directory: checkpoint, autoencoder: Scratch.tiny(in: checkpoint))
    model.precision = precision
    let studio = try Studio(models: [model], threads: threads, encoderName: "riff-bench")
    var first = Double.nan
    var whole = Samples()
    var stages: [JobStage: Samples] = [:]
    for run in 0...runs {
      var job = GenerateJob(prompt: "funk bassline with a jazzy saxophone solo")
      job.seed = UInt64(run)
      job.steps = 4
      job.scheduler = "lcm"
      job.guidanceScale = 1
      let start = ContinuousClock.now
      var summary: JobSummary?
      for try await event in studio.generate(job) {
        if case .done(let done) = event { summary = done }
      }
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      guard run > 0 else {
        first = seconds
        continue
      }
      whole.add(seconds)
      for timing in summary?.timings ?? [] {
        stages[timing.stage, default: Samples()].add(timing.seconds)
      }
    }
    let medians = [JobStage.denoising, .decoding, .sound].map { stages[$0]?.median ?? .nan }
    return [try ProcessMemory.peak(), whole.median, whole.best, whole.worst, first] + medians
  }
}
