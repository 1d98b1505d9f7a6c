import ArgumentParser
import Diffusion
import Foundation
import Riff

/// The beat of clips and pictures, and whether what a model plays keeps it.
struct Beat: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tempo and beat of clips or pictures; without any, whether long pieces keep theirs.",
    discussion: """
      Without files, the model draws drums of many kinds at tempos, as a daemon plays a duration: in \
      windows that begin on a beat. The slip is how far the beats of the last 3 s lie from the grid of \
      the first 3 s, in milliseconds; half a beat is the most there can be. Of a piece by duration only \
      the longest is made: shorter ones are its beginnings.
      """)

  @Argument(help: "Audio files or spectrogram pictures.") var files: [String] = []
  @Option(help: "The model's folder.") var model = "Models/riff-mini"
  @Option(help: "What to draw, with a tempo in it; may be given again. (default: 24 kinds)")
  var prompt: [String] = []
  @Option(help: "Lengths in seconds.") var duration: [Double] = [8, 15, 30, 60]
  @Option(help: "Seeds, from 1.") var seeds: UInt64 = 1
  @Flag(help: "Draw each length as one wide picture, for comparison.") var wide = false
  @Flag(help: "Print the slips of each prompt as well.") var list = false
  @Option(help: "Threads.") var threads = 2

  func validate() throws {
    guard seeds > 0, duration.allSatisfy({ $0 >= 6 && $0 <= 80 }), (1...64).contains(threads) else {
      throw ValidationError("--duration takes 6 to 80, --seeds 1 or more, --threads 1 to 64")
    }
    if let unnamed = prompt.first(where: { NamedTempo(in: $0) == nil }) {
      throw ValidationError("--prompt: “\(unnamed)” names no tempo, such as “120 bpm”")
    }
  }

  func run() async throws {
    guard files.isEmpty else { return try BeatBench.list(files) }
    let bench = BeatBench(
      model: try SoloModel(directory: model, threads: threads),
      card: try ModelCard.read(fromFolder: model),
      prompts: prompt.isEmpty ? BeatBench.drums : prompt, seeds: Array(1...seeds))
    let studio = try Studio(
      models: [ModelLocation(name: "bench", directory: model)], threads: threads,
      encoderName: "riff-bench")
    try await bench.run(duration, isWide: wide, listsAll: list, studio)
  }
}
