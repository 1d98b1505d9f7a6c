import Foundation

/// torchaudio's recovery, and the judge of any; see `Benchmarks/peers/recovery.py`.
final class RecoveryPeer {
  /// How close a sound comes to its picture: less is closer.
  struct Closeness {
    /// Spectral convergence.
    let convergence: Double
    /// Log-spectral distance in decibels.
    let distance: Double
  }

  private let process: PeerProcess

  init(python: String, threads: Int) throws {
    self.process = try PeerProcess(
      python: python, ["Benchmarks/peers/recovery.py", "--threads", "\(threads)"])
  }

  /// The Python of the path, if it has what the peer needs.
  static var defaultPython: String? {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    let files = FileManager.default
    guard
      let python = folders.lazy.map({ "\($0)/python3" }).first(where: {
        files.isExecutableFile(atPath: $0)
      })
    else { return nil }
    let trial = Process()
    trial.executableURL = URL(fileURLWithPath: python)
    trial.arguments = ["-c", "import numpy, torchaudio, PIL"]
    trial.standardError = FileHandle.nullDevice
    guard (try? trial.run()) != nil else { return nil }
    trial.waitUntilExit()
    return trial.terminationStatus == 0 ? python : nil
  }

  /// The picture that the other requests are about.
  func load(_ picture: String) throws {
    _ = try self.process.ask("load \(Self.quoted(picture))", answer: "loaded")
  }

  /// One recovery, by torchaudio's own clock.
  func run(seed: Int) throws -> (seconds: Double, closeness: Closeness) {
    let answer = try self.process.numbers("run \(seed)", answer: "ran", count: 3)
    return (answer[0], Closeness(convergence: answer[1], distance: answer[2]))
  }

  /// Of a file of floats, channels interleaved.
  func measure(_ file: String, rate: Int) throws -> Closeness {
    let answer = try self.process.numbers(
      "measure \(Self.quoted(file)) \(rate)", answer: "measured", count: 2)
    return Closeness(convergence: answer[0], distance: answer[1])
  }

  /// One word, as a shell reads it.
  private static func quoted(_ path: String) -> String {
    "'\(path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''"))'"
  }
}
