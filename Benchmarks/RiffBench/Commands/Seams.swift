import ArgumentParser
import Riff

/// Whether one hears where windows join.
struct Seams: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Spectral flux where the windows of long pieces join, against inside them.",
    discussion: """
      For each piece: the largest rise of the spectrum while one window fades into the next, against the \
      largest in as long parts elsewhere, whose median is 1. A joint that is not heard lies within the range \
      of the inside. Prompts are painted in windows that begin on a beat, clips are remixed as a whole.
      """)

  @Argument(help: "Clips to remix.") var clips: [String] = []
  @Option(help: "The model's folder.") var model = "Models/riff-mini"
  @Option(help: "Prompts to paint, each at --bpm.")
  var prompt = [
    "techno drum beat", "slow jazz piano", "funk bassline", "ambient pad", "gospel choir",
  ]
  @Option(help: "Beats a minute.") var bpm = 120.0
  @Option(help: "What clips become.") var remixed = "violin"
  @Option(help: "Seconds of each piece.") var seconds = 40.0
  @Option(help: "Seeds, from 1.") var seeds: UInt64 = 2
  @Option(help: "Threads.") var threads = 2

  func validate() throws {
    guard bpm >= 30, bpm <= 300, seconds >= 10, seconds <= 3_600, seeds > 0,
      (1...64).contains(threads)
    else {
      throw ValidationError(
        "--bpm takes 30 to 300, --seconds 10 to 3600, --seeds 1 or more, --threads 1 to 64")
    }
  }

  func run() async throws {
    let studio = try Studio(
      models: [ModelLocation(name: "bench", directory: model)], threads: threads,
      encoderName: "riff-bench")
    guard case .success(let details)? = try await studio.models().first?.details else {
      throw ValidationError("\(model) cannot be used")
    }
    let bench = SeamBench(
      studio: studio, card: try ModelCard.read(fromFolder: model), multiple: details.widthMultiple,
      threads: threads, seeds: Array(1...seeds), seconds: seconds)
    try await bench.run(
      prompts: prompt.map { ($0, bpm) }, clips: clips, remixed: remixed)
  }
}
