import ArgumentParser
import Diffusion
import Foundation

/// What it takes to decode pictures so wide that AutoencoderKL decodes them in parts, and how far they are from
/// the whole.
struct WideDecode: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wide-decode",
    abstract: "Wide pictures by SD-1.5's autoencoder, in parts and as a whole: time, memory, PSNR.")

  @OptionGroup var options: EngineOptions
  @Option(help: "Widths of the picture in pixels.") var widths = [1_536, 3_072]
  @Option(help: "Up to this width it is decoded as a whole as well.") var wholeTo = 1_536

  func run() throws {
    let plan = try StableDiffusionPlan(folder: self.options.model)
    let scratch = try Scratch(in: self.options.scratch)
    // The checkpoint stays as long as it.
    defer { withExtendedLifetime(scratch) {} }
    let checkpoint = try scratch.checkpoint(of: plan, .f16)
    print(
      """
      | picture | in parts, s | peak memory, GB | as a whole, s | peak memory, GB | PSNR, dB |
      |---|---|---|---|---|---|
      """)
    for width in self.widths {
      // A process each, whose peak is its own.
      let figures = try ChildRun(
        [
          "wide-decode", "--checkpoint", checkpoint, "--threads", "\(self.options.threads)",
          "--width", "\(width)",
        ] + (width <= self.wholeTo ? ["--whole"] : [])
      ).answer
      let cells = [1, 0, 2, 3, 4].map { place in
        place < figures.count ? Samples.format(figures[place]) : ""
      }
      print("| \(width) × 512 | \(cells.joined(separator: " | ")) |")
    }
  }

  /// What the process of its own does: peak memory and seconds in parts; where `whole` is set, seconds and peak
  /// memory as a whole, and the PSNR of the 8-bit pictures.
  static func figures(
    checkpoint: String, threads: Int, width: Int, whole: Bool
  ) throws -> [Double] {
    let model = try SoloModel(directory: checkpoint, threads: threads)
    let (rows, columns) = (512 / model.info.heightMultiple, width / model.info.widthMultiple)
    // As loud on the left and as quiet on the right as music may be: norms over a part and over the whole differ.
    var noise = NoiseGenerator(seed: 1)
    var latents = noise.normal(rows * columns * model.info.latentChannels)
    for index in latents.indices {
      let column = index / model.info.latentChannels % columns
      latents[index] *= 1.5 - Float(column) / Float(columns)
    }
    // The weights are read before.
    _ = try model.decode(
      Array(latents.prefix(8 * 8 * model.info.latentChannels)), height: 8, width: 8)
    func picture(whole: Bool) throws -> (pixels: [UInt8], seconds: Double) {
      var values: [Float] = []
      let time = try Stopwatch {
        values = try model.decode(latents, height: rows, width: columns, whole: whole)
      }
      let pixels = values.map { UInt8((min(max($0 / 2 + 0.5, 0), 1) * 255).rounded()) }
      return (pixels, time.seconds)
    }
    let parts = try picture(whole: false)
    let peak = try ProcessMemory.peak()
    guard whole else { return [peak, parts.seconds] }
    let exact = try picture(whole: true)
    return [
      peak, parts.seconds, exact.seconds, try ProcessMemory.peak(),
      PictureDistance.psnr(parts.pixels, exact.pixels),
    ]
  }
}
