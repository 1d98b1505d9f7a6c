import ArgumentParser

struct Precisions: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "precision",
    abstract: "How far the U-Net, and a model's pictures, are from f32 in each precision.")
  @OptionGroup var options: EngineOptions
  @Option(help: "The model whose pictures are compared.") var pictures = "Models/riff-mini"

  func run() throws {
    let bench = try EngineBench(self.options)
    try bench.errors()
    try bench.pictures(of: self.pictures)
  }
}
