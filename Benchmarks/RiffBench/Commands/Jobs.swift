import ArgumentParser
import Riff

/// Where the time of the bundled model's jobs goes. Prints a table; every row is the median of its
/// runs, with the fastest and the slowest beside it.
struct Jobs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "The bundled model's jobs from prompt to sound, stage by stage.")

  @Option(help: "A model's folder, in diffusers' layout.") var model = "Models/riff-mini"
  @Option(help: "Threads.") var threads = 2
  @Option(help: "Counted runs of each row, after one that is not counted.") var runs = 5

  func validate() throws {
    guard self.runs >= 1, (1...256).contains(self.threads) else {
      throw ValidationError("--runs takes 1 or more, --threads 1 to 256")
    }
  }

  func run() async throws {
    let studio = try Studio(
      models: [ModelLocation(name: "bench", directory: self.model)], threads: self.threads,
      encoderName: "riff-bench")
    print("\(self.model), \(self.threads) threads, median of \(self.runs) (fastest, slowest)")
    try await self.jobs(studio)
  }

  private func jobs(_ studio: Studio) async throws {
    var first = Samples()
    var total = Samples()
    var stages: [JobStage: Samples] = [:]
    var audio = 0.0
    for run in 0...self.runs {
      var job = GenerateJob(prompt: "funk bassline with a jazzy saxophone solo")
      job.seed = UInt64(run)
      let start = ContinuousClock.now
      var firstPage: Double?
      for try await event in studio.generate(job) {
        switch event {
        // The two header pages hold no sound; they are shorter than any page of it.
        case .audio(let bytes) where firstPage == nil && bytes.count > 600:
          firstPage = (ContinuousClock.now - start) / .seconds(1)
        case .done(let summary) where run > 0:
          audio = Double(summary.sampleCount) / 48_000
          for timing in summary.timings {
            stages[timing.stage, default: Samples()].add(timing.seconds)
          }
        default: break
        }
      }
      guard run > 0 else { continue }
      total.add((ContinuousClock.now - start) / .seconds(1))
      first.add(firstPage ?? .nan)
    }
    self.row("prompt to first page of sound", first, "s")
    for (stage, name) in [
      (JobStage.denoising, "  denoising"), (.decoding, "  latents to picture"),
      (.sound, "  picture to Opus"),
    ] {
      if let samples = stages[stage] { self.row(name, samples, "s") }
    }
    self.row("prompt to the last page", total, "s")
    print(
      "  of \(audio) s of sound: \(Samples.format(audio / total.median)) times as fast as it plays")
  }

  private func row(_ name: String, _ samples: Samples, _ unit: String) {
    let padding = String(repeating: " ", count: max(1, 34 - name.count))
    print("\(name)\(padding)\(samples) \(unit)")
  }
}
