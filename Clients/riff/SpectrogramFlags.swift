import ArgumentParser
import RiffProtocol
import SwiftProtobuf

/// How pictures map to sound; what is not given comes from the picture, or is riffusion's.
struct SpectrogramFlags: ParsableArguments {
  @Option(help: ArgumentHelp("Sample rate the picture is made at.", valueName: "hz"))
  var sampleRate: UInt32?
  @Flag(
    inversion: .prefixedNo,
    help: "Two channels, left in green and right in blue; or one.")
  var stereo: Bool?
  @Option(help: ArgumentHelp("Time a column lasts. (riffusion: 10)", valueName: "ms"))
  var step: UInt32?
  @Option(help: ArgumentHelp("Length of the Hann window. (riffusion: 100)", valueName: "ms"))
  var window: UInt32?
  @Option(help: ArgumentHelp("Length the window is padded to. (riffusion: 400)", valueName: "ms"))
  var padded: UInt32?
  @Option(help: ArgumentHelp("Lower edge of the lowest bin. (riffusion: 0)", valueName: "hz"))
  var minFrequency: UInt32?
  @Option(help: ArgumentHelp("Upper edge of the highest bin. (riffusion: 10000)", valueName: "hz"))
  var maxFrequency: UInt32?
  @Option(help: "Exponent from amplitude to grey level. (riffusion: 0.25)") var power: Double?

  var options: Riff_V1_SpectrogramOptions {
    .with {
      if let sampleRate { $0.sampleRate = sampleRate }
      if let stereo { $0.stereo = stereo }
      if let step { $0.stepMs = step }
      if let window { $0.windowMs = window }
      if let padded { $0.paddedMs = padded }
      if let minFrequency { $0.minFrequency = minFrequency }
      if let maxFrequency { $0.maxFrequency = maxFrequency }
      if let power { $0.power = power }
    }
  }
}
