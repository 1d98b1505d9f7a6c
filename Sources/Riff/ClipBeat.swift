import AudioIO
import Cores
import Spectrogram

/// Finds the beat of a clip.
struct ClipBeat {
  /// In seconds from the clip's beginning; nil where there is no clear beat.
  let grid: BeatGrid?

  /// A beat less clear than that is none.
  private static let leastClarity = 1.8
  /// Where less than that begins, there is nothing that a beat could be made of: held tones have a
  /// hundredth of it, bands several times as much.
  private static let leastChange = 0.02
  /// Seconds of a clip that are listened to.
  private static let longest = 120
  private static let parameters = SpectrogramParameters(
    sampleRate: 24_000, stepMilliseconds: 10, windowMilliseconds: 46, paddedMilliseconds: 46,
    melBins: 80)

  /// - Throws: the rooms' errors, `CancellationError`.
  init(_ sound: SpooledSound, _ context: JobContext) throws {
    let count = min(sound.sampleCount, Self.longest * sound.sampleRate)
    guard count > sound.sampleRate else {
      grid = nil
      return
    }
    let clip = AudioClip(sampleRate: sound.sampleRate, channels: try sound.samples(0..<count))
    let resampled = try StreamResampler.resample(clip, to: Self.parameters.sampleRate)
    let mel = try context.withTurn { turn in
      try SpectrogramAnalyzer(Self.parameters, pool: turn.pool).analyze(resampled.channels) {
        try turn.checkpoint()
      }
    }
    grid = Self.grid(of: OnsetEnvelope(mel, parameters: Self.parameters))
  }

  /// The beat of a clip's onsets; nil where there is no clear one.
  static func grid(of onsets: OnsetEnvelope) -> BeatGrid? {
    guard onsets.change >= Self.leastChange, let found = BeatGrid(onsets),
      found.clarity >= Self.leastClarity
    else { return nil }
    return found
  }
}
