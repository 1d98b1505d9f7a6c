import ArgumentParser

struct UNet: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unet", abstract: "One run of SD-1.5's U-Net on 64 × 64 latents and 77 tokens.")
  @OptionGroup var options: EngineOptions

  func run() throws { try EngineBench(options).compare([.unet]) }
}

struct VAEDecode: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vae-decode", abstract: "Latents to a picture of 512 × 512.")
  @OptionGroup var options: EngineOptions

  func run() throws { try EngineBench(options).compare([.decoder]) }
}

struct VAEEncode: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vae-encode", abstract: "A picture of 512 × 512 to latents.")
  @OptionGroup var options: EngineOptions

  func run() throws { try EngineBench(options).compare([.encoder]) }
}

struct TinyDecode: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tiny-decode", abstract: "Latents to a picture of 512 × 512 by an AutoencoderTiny."
  )
  @OptionGroup var options: EngineOptions

  func run() throws { try EngineBench(options).compare([.tinyDecoder]) }
}

struct Generation: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Peak memory of a whole picture; how soon a 4 GB checkpoint is ready.")
  @OptionGroup var options: EngineOptions

  func run() throws { try EngineBench(options).wholes() }
}

struct All: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "All of the engine's rows.")
  @OptionGroup var options: EngineOptions

  func run() throws {
    let bench = try EngineBench(options)
    try bench.compare([.unet, .decoder, .encoder, .tinyDecoder])
    try bench.wholes()
  }
}
