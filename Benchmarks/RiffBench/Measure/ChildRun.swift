import Foundation

/// One run of this program's hidden command in a process of its own.
struct ChildRun {
  /// From the start of the process to its answer.
  let seconds: Double
  /// GB, see ``ProcessMemory``.
  let peakMemory: Double

  init(_ task: Child.Task, checkpoint: String, threads: Int) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = [
      "child", task.rawValue, "--checkpoint", checkpoint, "--threads", "\(threads)",
    ]
    let answers = Pipe()
    process.standardOutput = answers
    let start = ContinuousClock.now
    try process.run()
    let line = LineReader(answers.fileHandleForReading).next()
    self.seconds = (ContinuousClock.now - start) / .seconds(1)
    process.waitUntilExit()
    guard let line, line.hasPrefix("done "), let memory = Double(line.dropFirst(5)) else {
      throw Peer.Failure(description: "the child that was to \(task.rawValue) failed")
    }
    self.peakMemory = memory
  }
}
