import Foundation

/// A folder for this run's checkpoints, gone when the run ends, by a signal too.
final class Scratch {
  /// Memory where the system has a folder of it.
  static let defaultFolder =
    FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()

  let folder: String
  private let interruptions: [any DispatchSourceSignal]

  init(in parent: String) throws {
    let folder = "\(parent)/riff-bench-\(ProcessInfo.processInfo.processIdentifier)"
    self.folder = folder
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    self.interruptions = [SIGINT, SIGTERM, SIGHUP].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        try? FileManager.default.removeItem(atPath: folder)
        exit(128 + number)
      }
      source.activate()
      return source
    }
  }

  deinit {
    for interruption in self.interruptions { interruption.cancel() }
    try? FileManager.default.removeItem(atPath: self.folder)
  }

  /// A whole checkpoint in diffusers' layout: the plan's configurations, weights made up.
  func checkpoint(
    of plan: StableDiffusionPlan, _ precision: GeneratedWeights.Precision, outliers: Float = 1
  ) throws -> String {
    let files = FileManager.default
    let folder = "\(self.folder)/\(precision.rawValue)-\(Int(outliers))"
    guard !files.fileExists(atPath: folder) else { return folder }
    try files.copyItem(atPath: plan.folder, toPath: folder)
    try self.tokenizer(in: "\(folder)/tokenizer")
    let weights = GeneratedWeights(precision: precision, outliers: outliers)
    let name = "diffusion_pytorch_model.safetensors"
    try weights.write(
      plan.unet.plan(tokens: StableDiffusionPlan.tokens).tensors, to: "\(folder)/unet/\(name)")
    try weights.write(
      plan.autoencoder.encoder.tensors + plan.autoencoder.decoder.tensors,
      to: "\(folder)/vae/\(name)")
    let size = plan.autoencoder.sampleSize
    try weights.write(
      plan.tiny.encoder(size: size).tensors + plan.tiny.decoder(size: size).tensors,
      to: Self.tiny(in: folder) + "/\(name)")
    try weights.write(
      plan.textEncoder.plan.tensors, to: "\(folder)/text_encoder/model.safetensors")
    return folder
  }

  /// The tiny autoencoder of a checkpoint.
  static func tiny(in checkpoint: String) -> String { "\(checkpoint)/vae-tiny" }

  /// A tokenizer of single lower-case letters: all that a prompt needs to become 77 tokens.
  private func tokenizer(in folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let letters = (UInt8(ascii: "a")...UInt8(ascii: "z")).map { String(UnicodeScalar($0)) }
    let tokens = letters + letters.map { "\($0)</w>" } + ["<|startoftext|>", "<|endoftext|>"]
    let entries = tokens.enumerated().map { "\"\($1)\": \($0)" }.joined(separator: ", ")
    try "{\(entries)}".write(toFile: "\(folder)/vocab.json", atomically: false, encoding: .utf8)
    try "#version: 0.2\n".write(
      toFile: "\(folder)/merges.txt", atomically: false, encoding: .utf8)
  }
}
