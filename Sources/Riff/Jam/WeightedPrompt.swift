/// A prompt and how much it counts among others.
public struct WeightedPrompt: Sendable, Equatable {
  /// 1 to 8,192 bytes of UTF-8, not only white space.
  public var prompt: String
  /// Above 0; shares are the weights divided by their sum.
  public var weight: Double

  /// Weight 1 counts as much as every other prompt of weight 1.
  public init(_ prompt: String, weight: Double = 1) {
    self.prompt = prompt
    self.weight = weight
  }
}

extension RequestFaults {
  /// Notes what is wrong with prompts that are to be mixed.
  mutating func check(_ field: String, _ prompts: [WeightedPrompt]) {
    if prompts.count > RequestLimits.mixedPrompts {
      self.add(
        field,
        "\(field) must be at most \(RequestLimits.mixedPrompts), not \(prompts.count)")
    }
    for prompt in prompts.prefix(RequestLimits.mixedPrompts) {
      if !prompt.prompt.contains(where: { !$0.isWhitespace }) {
        self.add("\(field).prompt", "\(field).prompt must not be empty")
      }
      self.check("\(field).prompt", prompt.prompt, atMost: RequestLimits.promptBytes)
      // Written so that NaN fails.
      if !(prompt.weight > 0 && prompt.weight <= RequestLimits.largestWeight) {
        self.add(
          "\(field).weight",
          "\(field).weight must be above 0 and at most 1000, not \(prompt.weight)")
      }
    }
  }
}
