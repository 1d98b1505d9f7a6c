import ArgumentParser
import Foundation
import Riff

/// Whether loops join.
struct Loop: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "How well loops join: the flux at the joint beside the flux inside.",
    discussion: """
      Each loop is played three times. The flux is how far the spectrum moves from one frame of 10 ms to \
      the next; the treble is the power of the upper fifth of 128 mel bands up to 20 kHz, against the 99th \
      of a hundred frames elsewhere. The beat's clarity is that of one round and of four.
      """)

  @Option(help: "The model's folder.") var model = "Models/riff-mini"
  @Option(help: "What to draw; may be given again.") var prompt: [String] = [
    "techno drum beat", "synth pad", "gospel choir",
  ]
  @Option(help: "Seeds, from 1.") var seeds: UInt64 = 4
  @Option(help: "Beats a minute.") var bpm = 120.0
  @Option(help: "Bars; may be given again.") var bars: [Int] = [2, 4]
  @Option(help: "Threads.") var threads = 2
  @Flag(help: "Draw pieces that do not join, for comparison.") var plain = false

  func validate() throws {
    guard (30...300).contains(bpm), seeds > 0, (1...64).contains(threads),
      bars.allSatisfy({ (1...64).contains($0) })
    else {
      throw ValidationError(
        "--bpm takes 30 to 300, --bars and --threads 1 to 64, --seeds 1 or more")
    }
  }

  func run() async throws {
    let studio = try Studio(
      models: [ModelLocation(name: "bench", directory: model)], threads: threads,
      encoderName: "riff-bench")
    try await LoopBench(studio: studio, bpm: bpm, isLoop: !plain).run(
      prompt, bars: bars, seeds: 1...seeds)
  }
}
