import ArgumentParser

struct Profile: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Where the time of one run of a part goes, by kind of layer.")
  @OptionGroup var options: EngineOptions
  @Argument(help: "unet, vae-decode, vae-encode or tiny-decode.") var part = EnginePart.unet

  func run() throws { try EngineBench(self.options).profile(self.part, by: \.byKind) }
}

struct Kernels: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "How fast each shape of layer is where it stands in a part.")
  @OptionGroup var options: EngineOptions
  @Argument(help: "unet, vae-decode, vae-encode or tiny-decode.") var part = EnginePart.unet

  func run() throws { try EngineBench(self.options).profile(self.part, by: \.byShape) }
}
