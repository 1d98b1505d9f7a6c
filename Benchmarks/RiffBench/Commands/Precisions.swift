import ArgumentParser

struct Precisions: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "precision",
    abstract:
      "How far the U-Net, the autoencoder and a model's pictures are from f32 in each precision.")
  @OptionGroup var options: EngineOptions
  @Flag(help: "The autoencoder alone.") var autoencoder = false
  @Option(help: "The model whose pictures are compared.") var pictures = "Models/riff-mini"

  func run() throws {
    let bench = try EngineBench(self.options)
    if !self.autoencoder { try bench.errors() }
    try bench.autoencoderErrors()
    guard !self.autoencoder else { return }
    try bench.pictures(of: self.pictures)
  }
}
