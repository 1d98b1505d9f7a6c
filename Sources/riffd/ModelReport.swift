import Logging
import Riff
import ServiceLifecycle

/// Looks at every model when the daemon starts, and says in the log what it is or what is wrong with it.
struct ModelReport: Service {
  let studio: Studio
  let notes: [String]
  let logger: Logger

  func run() async {
    for note in self.notes { self.logger.notice("\(note)") }
    do {
      for model in try await self.studio.models() { self.report(model) }
      for lora in try await self.studio.knownLoRAs() { self.report(lora) }
    } catch {
      self.logger.error("the models cannot be looked at: \(error)")
    }
  }

  private func report(_ lora: LoRADescription) {
    switch lora.details {
    case .success(let details):
      self.logger.info(
        "LoRA \(lora.name): \(lora.path)", metadata: ["fingerprint": "\(details.fingerprint)"])
    case .failure(let error): self.logger.error("LoRA \(lora.name) cannot be used: \(error)")
    }
  }

  private func report(_ model: ModelDescription) {
    switch model.details {
    case .success(let details):
      self.logger.info(
        "model \(model.name): \(model.path)", metadata: ["fingerprint": "\(details.fingerprint)"])
      for warning in details.warnings { self.logger.warning("model \(model.name): \(warning)") }
    case .failure(let error):
      self.logger.error("model \(model.name) cannot be used: \(error)")
    }
  }
}
