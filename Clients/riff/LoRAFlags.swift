import ArgumentParser
import RiffProtocol

/// Which LoRAs change the model, for the commands that paint.
struct LoRAFlags: ParsableArguments {
  @Option(
    name: .customLong("lora"),
    help: ArgumentHelp(
      """
      A LoRA that “riff models” lists, and how much of it, -10 to 10; may be given again. In prompts, \
      <lora:NAME:WEIGHT>. (default weight: 1)
      """,
      valueName: "name[:weight]"),
    transform: LoRAFlags.lora)
  var loras: [Riff_V1_LoRA] = []

  /// What the flags say, in a request that may say something already: they replace what has the same name.
  func change(_ request: inout Riff_V1_GenerateRequest) {
    for lora in self.loras {
      request.loras.removeAll { $0.name == lora.name }
      request.loras.append(lora)
    }
  }

  /// Reads NAME or NAME:WEIGHT.
  private static let lora: @Sendable (String) throws -> Riff_V1_LoRA = { text in
    guard let lora = Riff_V1_LoRA(text) else {
      throw ValidationError("must be NAME or NAME:WEIGHT, the weight a number from -10 to 10")
    }
    return lora
  }
}

extension Riff_V1_LoRA {
  /// Reads NAME or NAME:WEIGHT; nil where it is neither.
  init?(_ text: String) {
    self.init()
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let name = parts.first, !name.isEmpty else { return nil }
    self.name = String(name)
    guard parts.count == 2 else { return }
    guard let weight = Double(parts[1]), -10...10 ~= weight else { return nil }
    self.weight = weight
  }
}
