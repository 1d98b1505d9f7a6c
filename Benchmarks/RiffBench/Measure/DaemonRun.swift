import Foundation

/// How soon a daemon that is started with a model can tell a client what that model is.
struct DaemonRun {
  /// From the start of the process to the client's answer.
  let seconds: Double

  /// Nil where `riffd` and `riff` do not lie beside this program.
  init?(model: String, socket: String, threads: Int) throws {
    let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent()
    let programs = ["riffd", "riff"].map { folder.appendingPathComponent($0) }
    let files = FileManager.default
    guard programs.allSatisfy({ files.isExecutableFile(atPath: $0.path) }) else { return nil }
    let daemon = Process()
    daemon.executableURL = programs[0]
    daemon.arguments = [
      "--socket", socket, "--model", "bench=\(model)", "--threads", "\(threads)",
    ]
    daemon.standardError = FileHandle.nullDevice
    let client = Process()
    client.executableURL = programs[1]
    client.arguments = ["--socket", socket, "models"]
    client.standardOutput = FileHandle.nullDevice

    let start = ContinuousClock.now
    try daemon.run()
    defer {
      daemon.terminate()
      daemon.waitUntilExit()
    }
    while daemon.isRunning, !files.fileExists(atPath: socket) { usleep(1_000) }
    try client.run()
    client.waitUntilExit()
    guard client.terminationStatus == 0 else {
      throw Peer.Failure(description: "riff could not list the models of the riffd just started")
    }
    self.seconds = (ContinuousClock.now - start) / .seconds(1)
  }
}
