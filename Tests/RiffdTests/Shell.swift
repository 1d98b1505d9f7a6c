import Foundation

extension RunningDaemon {
  /// Runs a bash script in a folder of its own or the given one; `riff` in it speaks to this daemon.
  func shell(_ script: String, in folder: TemporaryFolder) async throws -> Program.Result {
    let riff = try Checkout.program("riff")
    return try await Program.run(
      "/bin/bash",
      ["-c", "cd '\(folder.path)' || exit 99; riff() { '\(riff)' \"$@\"; }; \(script)"],
      environment: ["RIFF_SOCKET": self.socket, "RIFF": riff])
  }

  /// The same on a terminal of its own: the output is all that was written on it.
  func terminal(_ script: String, in folder: TemporaryFolder) async throws -> Program.Result {
    try FileManager.default.createDirectory(
      atPath: folder.path, withIntermediateDirectories: true)
    let file = self.folder.file("script-\(UInt32.random(in: 0 ... .max))")
    try "cd '\(folder.path)' || exit 99; riff() { \"$RIFF\" \"$@\"; }; \(script)"
      .write(toFile: file, atomically: true, encoding: .utf8)
    return try await Program.run(
      "/usr/bin/script", ["-qec", "/bin/bash '\(file)'", "/dev/null"],
      environment: [
        "RIFF_SOCKET": self.socket, "RIFF": try Checkout.program("riff"), "RIFF_PLAYER": "none",
        "TERM": "dumb", "COLORTERM": "", "NO_COLOR": "",
      ])
  }
}
