import Spectrogram

/// A way to recover a picture's sound.
enum RecoveryVariant: CaseIterable {
  case draft, normal, best
  /// `normal`, without the blocks that let it stream.
  case whole

  var title: String {
    switch self {
    case .draft: "draft"
    case .normal: "normal"
    case .best: "best"
    case .whole: "normal, in one block"
    }
  }

  /// The whole sound, float samples before any gain, interleaved, and their rate in hertz.
  func recover(
    _ picture: SpectrogramPicture, seed: UInt64, threads: Int
  ) throws -> (samples: [Float], rate: Int) {
    let stream = try PhaseRecoveryStream(
      picture, parameters: picture.parameters, effort: RecoveryEffort(self.quality), seed: seed,
      threads: threads,
      minimumBlock: self == .whole ? picture.frames : PhaseRecoveryStream.blockFrames,
      opensEarly: self != .whole)
    var samples: [Float] = []
    while let part = try stream.next() {
      for frame in part[0].indices { samples += part.map { $0[frame] } }
    }
    return (samples, stream.sampleRate)
  }

  private var quality: RecoveryQuality {
    switch self {
    case .draft: .draft
    case .normal, .whole: .normal
    case .best: .best
    }
  }
}
