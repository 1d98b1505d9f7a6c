import ArgumentParser
import Diffusion
import Foundation
import Riff

/// What a remix keeps of a clip, and what it makes heard, strength by strength.
struct Remix: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "What a remix keeps of clips, per strength and way to make the sound.",
    discussion: """
      Onsets and chroma are correlations with the clip. How much of the prompt is heard is a \
      likelihood among the prompts, by linear discriminants over mel cepstra that learnt on fresh \
      drawings; the way to it is 0 where the sound is as far from them as the clip, 1 where it is as \
      near as other fresh drawings. Before onsets: how much louder than in the clip it is just before \
      its strongest onsets, against just after. In mono: what is lost when channels are added, \
      against the clip. Figures are means over prompts and seeds; only the first window of a clip is used.
      """)

  @Argument(help: "Audio files.") var clips: [String]
  @Option(help: "The model's folder.") var model = "Models/riff-mini"
  @Option(help: "What is asked for; several, for the likelihood is among them.")
  var prompt: [String] = ["violin", "flute", "piano", "sitar", "trumpet", "church organ"]
  @Option var strength: [Double] = [0.2, 0.4, 0.6, 0.8, 0.9]
  @Option(help: "Seeds, from 1.") var seeds: UInt64 = 2
  @Option(help: "Largest gains in decibels.") var boost: [Double] = [12, 18, 30]
  @Option(help: "Fresh drawings of each prompt to learn from.") var drawings = 12
  @Option(help: "Threads.") var threads = 2
  @Flag(help: "A line for each prompt, too.") var perPrompt = false
  @Option(help: "Keep the sounds in this folder, as raw floats.") var folder: String?

  func validate() throws {
    guard prompt.count > 1, drawings > 1, seeds > 0, (1...64).contains(threads) else {
      throw ValidationError(
        "--prompt is due at least twice, --drawings takes 2 or more, --seeds 1 or more, --threads "
          + "1 to 64")
    }
  }

  func run() throws {
    let bench = RemixBench(
      model: try SoloModel(directory: model, threads: threads),
      card: try ModelCard.read(fromFolder: model), prompts: prompt, strengths: strength,
      seeds: Array(1...seeds), boosts: boost, drawings: drawings, threads: threads,
      perPrompt: perPrompt, folder: folder)
    try bench.run(clips)
  }
}
