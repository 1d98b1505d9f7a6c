import ArgumentParser
import Foundation

/// Phase recovery beside torchaudio's: time, spectral convergence and log-spectral distance.
struct Recovery: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Picture to sound, each quality, beside torchaudio where Python has it.",
    discussion: """
      Without pictures, three of what the bundled model plays, as riffusion pictures sound. \
      Benchmarks/peers/recovery.py says what SC and LSD are; both sides' are means over the turns, \
      each with a seed of its own.
      """)

  @Argument(help: "Spectrogram pictures, PNG or JPEG.") var pictures: [String] = []
  @Option(help: "The model that plays, where no pictures are given.")
  var model = "Models/riff-mini"
  @Option(help: "Threads, ours and torchaudio's.") var threads = 2
  @Option(help: "Counted turns, after one run of ours that is not counted.") var runs = 5
  @Option(
    help: """
      A Python with torchaudio and Pillow (or BENCH_PYTHON in the environment). (default: python3, \
      if it has them)
      """)
  var python: String?

  func validate() throws {
    guard self.runs >= 1, (1...64).contains(self.threads) else {
      throw ValidationError("--runs takes 1 or more, --threads 1 to 64")
    }
  }

  func run() async throws {
    let named = self.python ?? ProcessInfo.processInfo.environment["BENCH_PYTHON"]
    let python = named ?? RecoveryPeer.defaultPython
    let scratch = try Scratch(in: Scratch.defaultFolder)
    let pictures =
      self.pictures.isEmpty
      ? try await ModelPictures(model: self.model, threads: self.threads).files(in: scratch.folder)
      : self.pictures
    let bench = RecoveryBench(
      threads: self.threads, runs: self.runs, scratch: scratch,
      peer: try python.map { try RecoveryPeer(python: $0, threads: self.threads) })
    try bench.run(pictures)
  }
}
