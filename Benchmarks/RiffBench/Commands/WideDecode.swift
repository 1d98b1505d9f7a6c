import ArgumentParser
import Diffusion
import Foundation

/// What it takes to decode, or encode, pictures so wide that an autoencoder takes them in parts, and how far that is
/// from the whole.
struct WideDecode: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wide-decode",
    abstract: "Wide pictures by SD-1.5's autoencoders, in parts and as a whole: time, memory, PSNR."
  )

  @OptionGroup var options: EngineOptions
  @Flag(help: "Pictures to latents instead; the distance is the latents' signal-to-noise ratio.")
  var encode = false
  @Flag(help: "By an AutoencoderTiny instead of AutoencoderKL.") var tiny = false
  @Option(help: "Widths of the picture in pixels.") var widths = [1_536, 3_072]
  @Option(help: "Up to this width it is taken as a whole as well.") var wholeTo = 1_536

  private var distance: String { self.encode ? "SNR" : "PSNR" }

  func run() throws {
    let plan = try StableDiffusionPlan(folder: self.options.model)
    let scratch = try Scratch(in: self.options.scratch)
    // The checkpoint stays as long as it.
    defer { withExtendedLifetime(scratch) {} }
    let checkpoint = try scratch.checkpoint(of: plan, .f16)
    print(
      """
      | picture | in parts, s | peak memory, GB | as a whole, s | peak memory, GB | \(self.distance), dB |
      |---|---|---|---|---|---|
      """)
    for width in self.widths {
      var arguments = [
        "wide-decode", "--checkpoint", checkpoint, "--threads", "\(self.options.threads)",
        "--width", "\(width)", "--precision", self.options.precision.rawValue,
      ]
      if self.encode { arguments.append("--encode") }
      if self.tiny { arguments.append("--tiny") }
      if width <= self.wholeTo { arguments.append("--whole") }
      // A process each, whose peak is its own.
      let figures = try ChildRun(arguments).answer
      let cells = [1, 0, 2, 3, 4].map { place in
        place < figures.count ? Samples.format(figures[place]) : ""
      }
      print("| \(width) × 512 | \(cells.joined(separator: " | ")) |")
    }
  }

  /// What the process of its own does: peak memory and seconds in parts; where `whole` is set, seconds and peak
  /// memory as a whole, and how far one is from the other.
  static func figures(
    checkpoint: String, threads: Int, precision: Precision, width: Int, tiny: Bool, encode: Bool,
    whole: Bool
  ) throws -> [Double] {
    let model = try SoloModel(
      directory: checkpoint, autoencoder: tiny ? Scratch.tiny(in: checkpoint) : nil,
      threads: threads, precision: precision)
    let (rows, columns, channels) =
      encode
      ? (512, width, 3)
      : (
        512 / model.info.heightMultiple, width / model.info.widthMultiple,
        model.info.latentChannels
      )
    // As loud on the left and as quiet on the right as music may be: norms over a part and over the whole differ.
    var noise = NoiseGenerator(seed: 1)
    var input = noise.normal(rows * columns * channels)
    for index in input.indices {
      let column = index / channels % columns
      input[index] *= (encode ? 0.5 : 1) * (1.5 - Float(column) / Float(columns))
    }
    func output(_ input: [Float], _ height: Int, _ width: Int, whole: Bool) throws -> [Float] {
      try encode
        ? model.encode(input, height: height, width: width, whole: whole)
        : model.decode(input, height: height, width: width, whole: whole)
    }
    // The weights are read before.
    let side = encode ? 64 : 8
    _ = try output(Array(input.prefix(side * side * channels)), side, side, whole: false)
    func measured(whole: Bool) throws -> (values: [Float], seconds: Double) {
      var values: [Float] = []
      let time = try Stopwatch { values = try output(input, rows, columns, whole: whole) }
      return (values, time.seconds)
    }
    let parts = try measured(whole: false)
    let peak = try ProcessMemory.peak()
    guard whole else { return [peak, parts.seconds] }
    let exact = try measured(whole: true)
    let wholePeak = try ProcessMemory.peak()
    let distance =
      encode ? Self.snr(parts.values, exact.values) : Self.psnr(parts.values, exact.values)
    return [peak, parts.seconds, exact.seconds, wholePeak, distance]
  }

  /// Of the 8-bit pictures.
  private static func psnr(_ values: [Float], _ exact: [Float]) -> Double {
    func pixels(_ values: [Float]) -> [UInt8] {
      values.map { UInt8((min(max($0 / 2 + 0.5, 0), 1) * 255).rounded()) }
    }
    return PictureDistance.psnr(pixels(values), pixels(exact))
  }

  /// The power of `exact` over that of the difference, in dB.
  private static func snr(_ values: [Float], _ exact: [Float]) -> Double {
    let power = exact.reduce(0.0) { $0 + Double($1) * Double($1) }
    let error = zip(values, exact).reduce(0.0) { $0 + pow(Double($1.0 - $1.1), 2) }
    return 10 * log10(power / error)
  }
}
