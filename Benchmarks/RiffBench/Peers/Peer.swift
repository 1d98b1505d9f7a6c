import ArgumentParser
import Diffusion

/// Another engine, in a process of its own that speaks in lines; see `Benchmarks/peers/peer.py`.
final class Peer {
  enum Backend: String, CaseIterable, ExpressibleByArgument {
    case torch, openvino, nncf
    case torchBF16 = "torch-bf16"
    case openvinoDefault = "openvino-default"
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// What keeps oneDNN (OpenVINO's and PyTorch's), MKL and PyTorch's own kernels to AVX2.
  private static let avx2 = [
    "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
  ]

  private let process: PeerProcess

  init(_ options: EngineOptions, python: String) throws {
    self.process = try PeerProcess(
      python: python,
      ["Benchmarks/peers/peer.py", options.model, "--threads", "\(options.threads)"]
        + (options.peerCache.map { ["--cache", $0] } ?? []),
      environment: options.instructions == .avx2 ? Self.avx2 : [:])
  }

  /// Builds a part with weights of the peer's own, and runs it once or more. What it says of itself.
  func prepare(_ part: EnginePart, _ backend: Backend) throws -> String {
    try self.process.ask("prepare \(part.rawValue) \(backend.rawValue)", answer: "ready")
  }

  /// How far PyTorch's bf16 is from its f32 with a checkpoint's weights: as a share of the result's size, and in
  /// dB of its range.
  func errors(_ part: EnginePart, checkpoint: String) throws -> [Double] {
    try self.process.numbers("errors \(part.rawValue) \(checkpoint)", answer: "differs", count: 2)
  }

  /// One run, by the peer's own clocks.
  func run() throws -> Stopwatch {
    let times = try self.process.numbers("run", answer: "ran", count: 2)
    return Stopwatch(seconds: times[0], cpuSeconds: times[1])
  }
}
