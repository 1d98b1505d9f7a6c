import ArgumentParser

/// Whether a jam stutters, and how soon its changes are heard.
struct Jam: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "A jam of a daemon of its own, changed again and again, as a player hears it.",
    discussion: """
      Starts riffd and “riff jam” into a pipe; both must lie beside this program. A simulated player reads \
      all that comes at once and plays it in real time from the first sound on: it runs dry where that \
      stops. The latency of a change is that from the place in the stream that the player plays when the \
      line is written to the first sample that the change is heard from.
      """)

  @Option(help: "How long it plays.") var minutes = 30.0
  @Option(help: "Seconds from one change to the next.") var interval = 10.0
  @Option(help: "The model's folder.") var model = "Models/riff-mini"
  @Option(help: "Threads.") var threads = 2

  func validate() throws {
    guard minutes > 0, minutes <= 1_440, interval >= 0.1, (1...256).contains(threads) else {
      throw ValidationError(
        "--minutes takes above 0 to 1440, --interval 0.1 or more, --threads 1 to 256")
    }
  }

  func run() throws {
    try JamBench(model: model, threads: threads, minutes: minutes, interval: interval).run()
  }
}
