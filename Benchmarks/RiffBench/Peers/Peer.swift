import ArgumentParser
import Diffusion
import Foundation

/// Another engine, in a process of its own that speaks in lines; see `Benchmarks/peers/peer.py`.
final class Peer {
  enum Backend: String, CaseIterable, ExpressibleByArgument {
    case torch, openvino
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// What keeps oneDNN (OpenVINO's and PyTorch's), MKL and PyTorch's own kernels to AVX2.
  private static let avx2 = [
    "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
  ]

  private let process = Process()
  private let requests = Pipe()
  private let answers: LineReader

  init(_ options: EngineOptions, python: String) throws {
    let answers = Pipe()
    self.answers = LineReader(answers.fileHandleForReading)
    self.process.executableURL = URL(fileURLWithPath: python)
    self.process.arguments =
      ["Benchmarks/peers/peer.py", options.model, "--threads", "\(options.threads)"]
      + (options.peerCache.map { ["--cache", $0] } ?? [])
    if options.instructions == .avx2 {
      self.process.environment = ProcessInfo.processInfo.environment.merging(Self.avx2) { $1 }
    }
    self.process.standardInput = self.requests
    self.process.standardOutput = answers
    try self.process.run()
  }

  /// The process ends at the end of its input.
  deinit {
    try? self.requests.fileHandleForWriting.close()
    self.process.waitUntilExit()
  }

  /// Builds a part with weights of the peer's own, and runs it once or more. What it says of itself.
  func prepare(_ part: EnginePart, _ backend: Backend) throws -> String {
    try self.ask("prepare \(part.rawValue) \(backend.rawValue)", answer: "ready")
  }

  /// One run, by the peer's own clocks.
  func run() throws -> Stopwatch {
    let answer = try self.ask("run", answer: "ran")
    let times = answer.split(separator: " ").compactMap { Double($0) }
    guard times.count == 2 else {
      throw Failure(description: "the peer ran \(answer), which is no time")
    }
    return Stopwatch(seconds: times[0], cpuSeconds: times[1])
  }

  private func ask(_ request: String, answer word: String) throws -> String {
    try self.requests.fileHandleForWriting.write(contentsOf: Data("\(request)\n".utf8))
    guard let line = self.answers.next() else {
      throw Failure(description: "the peer ended while it was asked to \(request)")
    }
    guard line.hasPrefix("\(word) ") else {
      throw Failure(description: "asked to \(request), the peer answered: \(line)")
    }
    return String(line.dropFirst(word.count + 1))
  }
}
