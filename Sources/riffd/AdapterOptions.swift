import ArgumentParser
import Riff

/// What goes beside models: autoencoders, LoRAs, and which of these are merged into which model.
struct AdapterOptions: Sendable, Equatable {
  /// A model's name and an absolute path.
  var autoencoders: [ModelLocation] = []
  var loras: [LoRALocation] = []
  var merged: [MergeOption] = []

  /// These, then `others` but for models and names that are here.
  func joined(with others: AdapterOptions) -> AdapterOptions {
    var all = self
    all.autoencoders += others.autoencoders.filter { other in
      !self.autoencoders.contains { $0.name == other.name }
    }
    all.loras += others.loras.filter { other in !self.loras.contains { $0.name == other.name } }
    all.merged += others.merged.filter { other in
      !self.merged.contains { $0.model == other.model && $0.lora.name == other.lora.name }
    }
    return all
  }

  /// - Parameter base: what a relative path is relative to.
  /// - Throws: `ValidationError` where a name cannot stand in a prompt.
  static func lora(_ option: ModelOption, relativeTo base: String) throws -> LoRALocation {
    let path = option.location(relativeTo: base).directory
    guard let lora = LoRALocation(name: option.name, path: path) else {
      throw ValidationError(
        "a LoRA's name must have 1 to 100 characters, no white space and none of , : < > =, not "
          + "“\(option.name.prefix(100))”")
    }
    return lora
  }

  /// Tells the models what is theirs.
  ///
  /// - Throws: `ValidationError` where a model or a LoRA is named that there is not.
  func apply(to models: inout [ModelLocation]) throws {
    for (index, lora) in self.loras.enumerated()
    where self.loras[..<index].contains(where: { $0.name == lora.name }) {
      throw ValidationError("--lora \(lora.name)=…: two LoRAs have that name")
    }
    for autoencoder in self.autoencoders {
      guard let index = models.firstIndex(where: { $0.name == autoencoder.name }) else {
        throw ValidationError("--vae \(autoencoder.name)=…: no model has that name")
      }
      models[index].autoencoder = autoencoder.directory
    }
    for merge in self.merged {
      guard let index = models.firstIndex(where: { $0.name == merge.model }) else {
        throw ValidationError("--merge \(merge.model)=…: no model has that name")
      }
      guard self.loras.contains(where: { $0.name == merge.lora.name }) else {
        throw ValidationError(
          "--merge \(merge.model)=\(merge.lora.name): no LoRA has that name; give it with --lora")
      }
      guard RequestLimits.loraWeight ~= merge.lora.weight else {
        throw ValidationError(
          "--merge \(merge.model)=\(merge.lora): the weight must be -10 to 10")
      }
      if models[index].merged.contains(where: { $0.name == merge.lora.name }) {
        throw ValidationError("--merge \(merge.model)=\(merge.lora.name) is there twice")
      }
      models[index].merged.append(merge.lora)
    }
  }
}
