import Foundation
import Riff

/// Pictures to recover the sound of where nobody has any: what a model plays, pictured as riffusion
/// does.
struct ModelPictures {
  private static let prompts = ["church bells", "techno drum beat", "violin solo"]

  let model: String
  let threads: Int

  /// Makes them; their PNG files in `folder`.
  func files(in folder: String) async throws -> [String] {
    let studio = try Studio(
      models: [ModelLocation(name: "bench", directory: self.model)], threads: self.threads,
      encoderName: "riff-bench")
    var files: [String] = []
    for prompt in Self.prompts {
      var job = GenerateJob(prompt: prompt)
      job.seed = 7
      var sound: [UInt8] = []
      for try await event in studio.generate(job) {
        if case .audio(let pages) = event { sound += pages }
      }
      var analysis = AnalyzeJob(file: sound)
      analysis.spectrogram.sampleRate = 44_100
      let file = "\(folder)/\(prompt.split(separator: " ").joined(separator: "-")).png"
      try Data(try await studio.analyze(analysis).png).write(to: URL(fileURLWithPath: file))
      files.append(file)
    }
    return files
  }
}
