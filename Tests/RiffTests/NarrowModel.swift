import Foundation
import Riff

/// A copy of the bundled model, in a folder of its own, that is told to paint 10.24 s at most.
final class NarrowModel {
  private let folder: String

  init() throws {
    self.folder =
      FileManager.default.temporaryDirectory
      .appending(path: "riff-narrow-\(UUID().uuidString)").path
    try FileManager.default.copyItem(atPath: TestPaths.bundledModel, toPath: self.folder)
    let card = URL(filePath: self.folder + "/riff.json")
    let value = try JSONSerialization.jsonObject(with: Data(contentsOf: card))
    var object = value as? [String: Any] ?? [:]
    var defaults = object["defaults"] as? [String: Any] ?? [:]
    defaults["max_width"] = 512
    object["defaults"] = defaults
    try JSONSerialization.data(withJSONObject: object).write(to: card)
  }

  deinit { try? FileManager.default.removeItem(atPath: self.folder) }

  /// As "narrow", and the bundled one as "riff-mini".
  func studio() throws -> Studio {
    try Studio(
      models: [
        ModelLocation(name: "narrow", directory: self.folder),
        ModelLocation(name: "riff-mini", directory: TestPaths.bundledModel),
      ], threads: 2, encoderName: "riffd test")
  }
}
