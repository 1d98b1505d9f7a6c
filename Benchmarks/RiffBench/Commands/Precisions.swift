import ArgumentParser

struct Precisions: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "precision",
    abstract: "How far one run of the U-Net in each precision is from f32.")
  @OptionGroup var options: EngineOptions

  func run() throws { try EngineBench(self.options).errors() }
}
