import ArgumentParser
import RiffProtocol
import SwiftProtobuf

/// How pictures map to sound; what is not given comes from the picture, or is riffusion's.
struct SpectrogramFlags: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Sample rate of the picture, 1000 to 384000.", valueName: "hz"),
    transform: Value.whole(1_000...384_000))
  var sampleRate: UInt32?
  @Flag(
    inversion: .prefixedNo,
    help: "Two channels, left in green and right in blue; or one.")
  var stereo: Bool?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Time a column lasts, 1 to 500. (riffusion: 10)", valueName: "ms"),
    transform: Value.whole(1...500))
  var step: UInt32?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Length of the Hann window, 2 to 64 steps, at most 1000. (riffusion: 100)", valueName: "ms"),
    transform: Value.whole(1...1_000))
  var window: UInt32?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Length the window is padded to, at most 2000. (riffusion: 400)", valueName: "ms"),
    transform: Value.whole(1...2_000))
  var padded: UInt32?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Lower edge of the lowest bin. (riffusion: 0)", valueName: "hz"),
    transform: Value.whole(0...192_000))
  var minFrequency: UInt32?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Upper edge of the highest bin. (riffusion: 10000)", valueName: "hz"),
    transform: Value.whole(1...192_000))
  var maxFrequency: UInt32?
  @Option(
    parsing: .unconditional,
    help: "Exponent from amplitude to grey level, 0.05 to 4. (riffusion: 0.25)",
    transform: Value.number(0.05...4))
  var power: Double?

  var options: Riff_V1_SpectrogramOptions {
    var options = Riff_V1_SpectrogramOptions()
    self.change(&options)
    return options
  }

  /// What the flags say, in options that may say something already.
  func change(_ options: inout Riff_V1_SpectrogramOptions) {
    if let sampleRate { options.sampleRate = sampleRate }
    if let stereo { options.stereo = stereo }
    if let step { options.stepMs = step }
    if let window { options.windowMs = window }
    if let padded { options.paddedMs = padded }
    if let minFrequency { options.minFrequency = minFrequency }
    if let maxFrequency { options.maxFrequency = maxFrequency }
    if let power { options.power = power }
  }
}
