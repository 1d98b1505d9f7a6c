import Foundation
import Riff

/// Pictures to recover the sound of where nobody has any: a model's drawings.
struct DrawnPictures {
  private static let prompts = ["church bells", "techno drum beat", "violin solo"]

  let model: String
  let threads: Int

  /// Draws them; their PNG files in `folder`.
  func files(in folder: String) async throws -> [String] {
    let studio = Studio(
      models: [ModelLocation(name: "bench", directory: self.model)], threads: self.threads,
      encoderName: "riff-bench")
    var files: [String] = []
    for prompt in Self.prompts {
      var job = GenerateJob(prompt: prompt)
      job.seed = 7
      job.output = .none
      for try await event in studio.generate(job) {
        guard case .spectrogram(let png) = event else { continue }
        let file = "\(folder)/\(prompt.split(separator: " ").joined(separator: "-")).png"
        try Data(png).write(to: URL(fileURLWithPath: file))
        files.append(file)
      }
    }
    return files
  }
}
