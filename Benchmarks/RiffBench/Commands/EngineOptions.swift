import ArgumentParser
import Diffusion
import Foundation

/// What every comparison of the engine takes.
struct EngineOptions: ParsableArguments {
  @Option(help: "Threads, ours and the peers'.") var threads = 2
  @Option(help: "Instructions, ours and (avx2) the peers', for what another CPU would do.")
  var instructions = Instructions.best
  @Option(help: "What our U-Net and autoencoder compute in.")
  var precision = Precision.f32
  @Option(help: "Counted runs of each side, after one that is not counted.") var runs = 5
  @Option(help: "Folder of configurations: unet/, vae/, text_encoder/, scheduler/.")
  var model = "Benchmarks/sd-1.5"
  @Option(help: "Where weights are made up; a folder in memory where there is one.")
  var scratch = Scratch.defaultFolder
  @Option(
    help:
      "A Python with torch, diffusers and openvino and, for nncf, nncf (or BENCH_PYTHON in the environment)."
  )
  var python: String?
  @Option(
    help: """
      A peer to take turns with, of torch, torch-bf16, openvino, openvino-default and nncf; may be given \
      again. (default: those that the targets name)
      """)
  var peers: [Peer.Backend] = []
  @Option(help: "Keeps OpenVINO's form of the models, which takes minutes to make.")
  var peerCache: String?

  /// The Python to use, if one was named.
  var peerPython: String? { self.python ?? ProcessInfo.processInfo.environment["BENCH_PYTHON"] }

  func validate() throws {
    guard self.runs >= 1, (1...256).contains(self.threads) else {
      throw ValidationError("--runs takes 1 or more, --threads 1 to 256")
    }
    guard self.instructions.isAvailable else {
      throw ValidationError("this CPU does not have \(self.instructions)")
    }
  }
}
