import ArgumentParser
import Diffusion
import Riff

/// What is measured from outside: a process that does one thing and says when it has.
struct Child: AsyncParsableCommand {
  enum Task: String, ExpressibleByArgument {
    case load, generate, riffusion
    case wideDecode = "wide-decode"
  }

  static let configuration = CommandConfiguration(
    abstract: "One load or one picture in a process of its own.", shouldDisplay: false)

  @Argument var task: Task
  @Option var checkpoint: String
  @Option var threads = 2
  @Option var precision = Precision.f32
  @Option var runs = 1
  @Option var width = 1_536
  @Flag var tiny = false
  @Flag var encode = false
  @Flag var whole = false

  func run() async throws {
    var figures: [Double] = []
    switch self.task {
    case .load: _ = try SoloModel(directory: self.checkpoint, threads: self.threads)
    case .generate:
      let model = try SoloModel(directory: self.checkpoint, threads: self.threads)
      // Two steps touch all that fifty touch: guidance, both halves of the model, the decoder.
      let request = DiffusionRequest(
        prompt: "funk bassline with a jazzy saxophone solo", seed: 1, steps: 2, width: 512,
        height: 512)
      _ = try model.generate(request) { _ in }
    case .riffusion:
      figures = try await Riffusion.figures(
        checkpoint: self.checkpoint,
        precision: PrecisionChoice(rawValue: self.precision.rawValue) ?? .f32,
        threads: self.threads, runs: self.runs)
    case .wideDecode:
      figures = try WideDecode.figures(
        checkpoint: self.checkpoint, threads: self.threads, precision: self.precision,
        width: self.width, tiny: self.tiny, encode: self.encode, whole: self.whole)
    }
    if figures.isEmpty { figures = [try ProcessMemory.peak()] }
    print("done \(figures.map { "\($0)" }.joined(separator: " "))")
  }
}
