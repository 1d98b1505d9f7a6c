import ArgumentParser
import Diffusion

/// What is measured from outside: a process that does one thing and says when it has.
struct Child: ParsableCommand {
  enum Task: String, ExpressibleByArgument {
    case load, generate
  }

  static let configuration = CommandConfiguration(
    abstract: "One load or one picture in a process of its own.", shouldDisplay: false)

  @Argument var task: Task
  @Option var checkpoint: String
  @Option var threads = 2

  func run() throws {
    let model = try SoloModel(directory: self.checkpoint, threads: self.threads)
    if self.task == .generate {
      // Two steps touch all that fifty touch: guidance, both halves of the model, the decoder.
      let request = DiffusionRequest(
        prompt: "funk bassline with a jazzy saxophone solo", seed: 1, steps: 2, width: 512,
        height: 512)
      _ = try model.generate(request) { _ in }
    }
    print("done \(try ProcessMemory.peak())")
  }
}
