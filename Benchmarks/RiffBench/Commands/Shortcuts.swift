import ArgumentParser
import Diffusion
import Foundation

/// What steps that are cheaper than others save, and how far their pictures are from those of whole steps.
struct Shortcuts: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Guidance, or the U-Net's deep layers, at some of the steps: the time saved, and PSNR.")

  @Option(help: "The model's folder.") var model = "Models/riff-mini"
  @Option(help: "Threads.") var threads = 2
  @Option(help: "What the U-Net computes in.") var precision = Precision.f32
  @Option(help: "Denoising steps.") var steps = 20
  @Option(help: "Guidance scale.") var guidance = 4.0
  @Option(help: "Runs of each, in turn, after one that is not counted.") var runs = 5

  private struct Variant {
    let title: String
    var interval = GuidanceInterval.whole
    var deep = 1
  }

  private static let variants = [
    Variant(title: "all of every step"),
    Variant(title: "guidance 0–0.5", interval: GuidanceInterval(start: 0, stop: 0.5)),
    Variant(title: "guidance 0–0.8", interval: GuidanceInterval(start: 0, stop: 0.8)),
    Variant(title: "guidance 0.2–0.8", interval: GuidanceInterval(start: 0.2, stop: 0.8)),
    Variant(title: "guidance 0.5–1", interval: GuidanceInterval(start: 0.5, stop: 1)),
    Variant(title: "no guidance", interval: GuidanceInterval(start: 0, stop: 1e-9)),
    Variant(title: "deep layers every 2nd step", deep: 2),
    Variant(title: "deep layers every 3rd step", deep: 3),
    Variant(title: "deep layers every 5th step", deep: 5),
    Variant(
      title: "guidance 0.2–0.8, deep layers every 2nd step",
      interval: GuidanceInterval(start: 0.2, stop: 0.8), deep: 2),
  ]

  private static let prompts = [
    "church bells", "funk bassline with a jazzy saxophone solo", "techno drum beat",
  ]

  func run() throws {
    let model = try SoloModel(
      directory: self.model, threads: self.threads, precision: self.precision)
    var seconds = Self.variants.map { _ in Samples() }
    var work = seconds
    var distances = Self.variants.map { _ in Samples() }
    for run in 0...self.runs {
      var exact: [[UInt8]] = []
      for (index, variant) in Self.variants.enumerated() {
        let made = try self.pictures(variant, of: model)
        if index == 0 { exact = made.pictures }
        guard run > 0 else { continue }
        seconds[index].add(made.seconds)
        work[index].add(made.cpuSeconds)
        // They are the same in each run.
        guard run == 1, index > 0 else { continue }
        for (picture, exact) in zip(made.pictures, exact) {
          distances[index].add(PictureDistance.psnr(picture, exact))
        }
      }
    }
    print(
      """
      | \(self.model), \(self.precision.rawValue), \(self.steps) steps | denoising a picture, s: median \
      (fastest, slowest) | CPU, s: the best | of all steps' | PSNR to them, dB: median (least, most) |
      |---|---|---|---|---|
      """)
    for (index, variant) in Self.variants.enumerated() {
      let ratio = Samples.format(work[index].best / work[0].best)
      print(
        "| \(variant.title) | \(seconds[index]) | \(Samples.format(work[index].best)) "
          + "| \(index == 0 ? "" : ratio) "
          + "| \(index == 0 ? "" : "\(distances[index])") |")
    }
  }

  /// Pictures of all prompts and two seeds, and the mean seconds that denoising one took, by the clock and of
  /// the CPU.
  private func pictures(
    _ variant: Variant, of model: SoloModel
  ) throws -> (pictures: [[UInt8]], seconds: Double, cpuSeconds: Double) {
    var pictures: [[UInt8]] = []
    var (seconds, cpuSeconds) = (0.0, 0.0)
    for prompt in Self.prompts {
      for seed in [1, 2] as [UInt64] {
        var request = DiffusionRequest(
          prompt: prompt, seed: seed, steps: self.steps, guidanceScale: self.guidance,
          width: model.info.defaultWidth, height: model.info.defaultHeight)
        request.guidanceInterval = variant.interval
        request.deepCacheInterval = variant.deep
        var times: [(wall: ContinuousClock.Instant, cpu: Double)] = []
        pictures.append(
          try model.generate(request) { progress in
            if progress.stage == .denoising { times.append((.now, Stopwatch.cpu())) }
          }.pixels)
        if let first = times.first, let last = times.last {
          seconds += (last.wall - first.wall) / .seconds(1)
          cpuSeconds += last.cpu - first.cpu
        }
      }
    }
    let count = Double(pictures.count)
    return (pictures, seconds / count, cpuSeconds / count)
  }
}
