/// What the samples of a WAV or FLAC file are.
public enum SampleFormat: Sendable, Equatable, CaseIterable {
  /// 16-bit integers, with triangular dither.
  case signed16
  /// 24-bit integers.
  case signed24
  /// 32-bit floats.
  case float32

  /// Bytes of a sample.
  var size: Int {
    switch self {
    case .signed16: 2
    case .signed24: 3
    case .float32: 4
    }
  }
}
