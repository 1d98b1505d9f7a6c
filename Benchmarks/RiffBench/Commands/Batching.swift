import ArgumentParser
import Diffusion
import Foundation

/// Whether several sessions' U-Net runs as one batch give the same bits as one after the other, and
/// what that gains.
struct Batching: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "U-Net runs of several jobs as one batch: the same bits? faster?")

  @Option(help: "The model's folder.")
  var model = "Models/riff-mini"

  @Option(help: "Threads.")
  var threads = 2

  @Option(help: "Jobs in a batch.")
  var jobs = 8

  @Option(help: "Runs of each, in turn.")
  var runs = 9

  @Option(help: "Widths of the picture in pixels.")
  var widths = [256, 512, 1024]

  func run() throws {
    let model = try SoloModel(directory: self.model, threads: self.threads)
    let info = model.info
    print("| picture | bits | one after the other | as one batch | ratio |\n|---|---|---|---|---|")
    for width in self.widths {
      let (rows, columns) = (info.defaultHeight / info.heightMultiple, width / info.widthMultiple)
      let prompts = try (0..<self.jobs).map { number in
        try model.embedding(["", "prompt number \(number)"])
      }
      let latents = (0..<self.jobs).map { number -> [Float] in
        var noise = NoiseGenerator(seed: UInt64(number))
        let one = noise.normal(rows * columns * info.latentChannels)
        return one + one
      }
      func single() throws -> [[Float]] {
        try (0..<self.jobs).map { number in
          try model.predict(
            latents[number], batch: 2, height: rows, width: columns, timestep: 500,
            embedding: prompts[number])
        }
      }
      func batched() throws -> [Float] {
        try model.predict(
          latents.flatMap { $0 }, batch: 2 * self.jobs, height: rows, width: columns,
          timestep: 500, embedding: prompts.flatMap { $0 })
      }
      let same =
        try single().flatMap { $0 }.map(\.bitPattern) == batched().map(\.bitPattern)
      var (alone, together) = (Samples(), Samples())
      for _ in 0..<self.runs {
        alone.add(try Stopwatch { _ = try single() }.seconds)
        together.add(try Stopwatch { _ = try batched() }.seconds)
      }
      print(
        "| \(width) px | \(same ? "equal" : "differ") | \(alone) s | \(together) s | "
          + "\(Samples.format(together.median / alone.median)) |")
    }
  }
}
