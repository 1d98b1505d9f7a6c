import ArgumentParser
import RiffProtocol

/// The model and how it paints, for the commands that paint.
struct SamplerFlags: ParsableArguments {
  @Option(help: "A name that “riff models” lists. (default: the first)") var model: String?
  @Option(
    parsing: .unconditional, help: ArgumentHelp("What to steer away from.", valueName: "text"))
  var negative: String?
  @Option(
    parsing: .unconditional, help: "Denoising steps, 1 to 1000. (default: the model's own)",
    transform: Value.whole(1...1_000))
  var steps: UInt32?
  @Option(help: "Sampler, as “riff models” lists them. (default: the model's own)")
  var scheduler: String?
  @OptionGroup var loras: LoRAFlags
  @OptionGroup var stepFlags: StepFlags

  /// What the flags say, in a request that may say something already.
  func change(_ request: inout Riff_V1_GenerateRequest) {
    if let model { request.model = model }
    if let negative { request.negativePrompt = negative }
    if let steps { request.steps = steps }
    if let scheduler { request.scheduler = scheduler }
    self.loras.change(&request)
    self.stepFlags.change(&request)
  }
}
