import ArgumentParser
import Riff

/// `MODEL=LORA` or `MODEL=LORA:WEIGHT`, on the command line and in the configuration file.
struct MergeOption: ExpressibleByArgument, Equatable {
  var model: String
  var lora: LoRAUse

  init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1)
    guard parts.count == 2, let lora = LoRAUse(reading: parts[1]) else { return nil }
    self.model = String(parts[0])
    self.lora = lora
  }
}
