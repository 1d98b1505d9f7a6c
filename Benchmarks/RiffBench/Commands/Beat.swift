import ArgumentParser
import Diffusion
import Foundation
import Riff

/// The beat of clips and pictures, and whether what a model plays keeps it.
struct Beat: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tempo and beat of clips or pictures; without any, whether long pieces keep theirs.",
    discussion: """
      Without files, the model draws drums at a tempo: as one wide picture for each length, and as a \
      daemon plays a duration, in windows that begin on a beat. The slip is \
      how far the beats of the last 3 s lie from the grid of the first 3 s, in milliseconds; half a \
      beat is the most there can be.
      """)

  @Argument(help: "Audio files or spectrogram pictures.") var files: [String] = []
  @Option(help: "The model's folder.") var model = "Models/riff-mini"
  @Option(help: "What to draw, with a tempo in it.") var prompt = "techno drum beat, 120 bpm"
  @Option(help: "The tempo that it names.") var bpm = 120.0
  @Option(help: "Lengths in seconds.") var duration: [Double] = [8, 15, 30, 60]
  @Option(help: "Seeds, from 1.") var seeds: UInt64 = 6
  @Option(help: "Threads.") var threads = 2

  func validate() throws {
    guard bpm > 20, bpm < 400, seeds > 0, duration.allSatisfy({ $0 >= 6 && $0 <= 300 }),
      (1...64).contains(threads)
    else {
      throw ValidationError(
        "--bpm takes 20 to 400, --duration 6 to 300, --seeds 1 or more, --threads 1 to 64")
    }
  }

  func run() async throws {
    guard files.isEmpty else { return try BeatBench.list(files) }
    let bench = BeatBench(
      model: try SoloModel(directory: model, threads: threads),
      card: try ModelCard.read(fromFolder: model), prompt: prompt, bpm: bpm,
      seeds: Array(1...seeds))
    let studio = try Studio(
      models: [ModelLocation(name: "bench", directory: model)], threads: threads,
      encoderName: "riff-bench")
    try await bench.run(duration, studio)
  }
}
