import ArgumentParser
import RiffProtocol

/// What the samples of a WAV file are.
enum WAVFormat: String, CaseIterable, ExpressibleByArgument {
  /// 32-bit floats.
  case f32
  /// 24-bit integers.
  case s24

  /// Bytes of a sample.
  var sampleSize: Int {
    switch self {
    case .f32: 4
    case .s24: 3
    }
  }

  /// WAVE_FORMAT_IEEE_FLOAT or WAVE_FORMAT_PCM.
  var code: UInt16 {
    switch self {
    case .f32: 3
    case .s24: 1
    }
  }

  /// What to ask the daemon for.
  var outputFormat: Riff_V1_OutputFormat {
    switch self {
    case .f32: .pcmF32
    case .s24: .pcmS24
    }
  }
}
