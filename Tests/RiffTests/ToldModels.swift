import Diffusion
import Foundation
import Riff
import Spectrogram

/// Copies of a tiny model whose U-Net takes three numbers besides words, in a folder of their own, under cards that
/// name these numbers in different ways.
final class ToldModels {
  /// The models' names, and what their cards call the numbers.
  static let names = [
    "told": ["tempo", "beat", "key"], "turned": ["key", "mood", "tempo"],
    "tempo": ["tempo", "x", "y"], "beat": ["x", "beat", "y"], "untold": ["x", "y", "z"],
    "wrong": ["tempo", "beat"],
  ]
  static let width = 128
  static let height = 32
  static let multiple = 2
  static let step = 0.02
  static let steps = 3
  static let guidanceScale = 4.0
  static let parameters = SpectrogramParameters(
    sampleRate: 24_000, stepMilliseconds: 20, windowMilliseconds: 80, paddedMilliseconds: 160,
    melBins: height)

  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "riff-told-\(UUID().uuidString)")

  init() throws {
    for (name, numbers) in Self.names {
      let model = self.folder.appending(path: name)
      try FileManager.default.createDirectory(
        at: self.folder, withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: TestPaths.numberedModel, toPath: model.path)
      let card: [String: Any] = [
        "time_ids": numbers,
        "spectrogram": [
          "sample_rate": 24_000, "step_ms": 20, "window_ms": 80, "padded_ms": 160,
          "mel_bins": Self.height,
        ],
        "defaults": [
          "steps": Self.steps, "guidance_scale": Self.guidanceScale, "width": Self.width,
          "height": Self.height, "max_width": Self.width,
        ],
      ]
      try JSONSerialization.data(withJSONObject: card)
        .write(to: model.appending(path: "riff.json"))
    }
  }

  deinit { try? FileManager.default.removeItem(at: self.folder) }

  func studio() throws -> Studio {
    try Studio(
      models: Self.names.keys.sorted().map { name in
        ModelLocation(name: name, directory: self.folder.appending(path: name).path)
      }, threads: 2, encoderName: "riffd test")
  }

  /// The model by itself.
  static func alone() throws -> SoloModel {
    try SoloModel(directory: TestPaths.numberedModel, threads: 2)
  }

  /// What a job asks the model for, that tells it these numbers.
  static func request(_ prompt: String, seed: UInt64, told: [Double]) -> DiffusionRequest {
    var request = DiffusionRequest(
      prompt: prompt, seed: seed, steps: steps, guidanceScale: guidanceScale, width: width,
      height: height)
    request.timeIDs = told
    return request
  }
}
