import Foundation

/// One run of this program's hidden command in a process of its own.
struct ChildRun {
  /// From the start of the process to its answer.
  let seconds: Double
  /// The numbers of its answer; the first is the peak of its memory in GB, see ``ProcessMemory``.
  let answer: [Double]
  var peakMemory: Double { self.answer[0] }

  init(_ task: Child.Task, checkpoint: String, threads: Int) throws {
    try self.init([task.rawValue, "--checkpoint", checkpoint, "--threads", "\(threads)"])
  }

  /// `arguments` of the hidden command.
  init(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = ["child"] + arguments
    let answers = Pipe()
    process.standardOutput = answers
    let start = ContinuousClock.now
    try process.run()
    let line = LineReader(answers.fileHandleForReading).next()
    self.seconds = (ContinuousClock.now - start) / .seconds(1)
    process.waitUntilExit()
    let numbers = line?.split(separator: " ").dropFirst().compactMap { Double($0) } ?? []
    guard let line, line.hasPrefix("done "), !numbers.isEmpty else {
      throw Peer.Failure(description: "the child that was to \(arguments[0]) failed")
    }
    self.answer = numbers
  }
}
