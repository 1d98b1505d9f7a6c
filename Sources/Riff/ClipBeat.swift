import AudioIO
import Cores
import Spectrogram

/// Finds the beat of a clip.
struct ClipBeat {
  /// In seconds from the clip's beginning; nil where there is no clear beat.
  let grid: BeatGrid?

  /// A beat less clear than that is none.
  private static let leastClarity = 1.8
  /// Where less than that begins, there is nothing that a beat could be made of.
  private static let leastChange = 0.02
  /// The share of the beats on which something has to begin, within so many seconds of it, that stands out by
  /// a standard deviation. A held tone's beginning and end alone are no beat.
  private static let leastMet = 0.5
  private static let tolerance = 0.04
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
    // One channel after the other, so that little is held; not their sum, in which opposite ones are silent.
    var (values, frames) = ([Float](), 0)
    for channel in 0..<sound.channelCount {
      let heard = try Self.resampled(sound, count, channel)
      let mel = try context.withTurn { turn in
        try SpectrogramAnalyzer(Self.parameters, pool: turn.pool).analyze([heard]) {
          try turn.checkpoint()
        }
      }
      values += mel.values
      frames = mel.frames
    }
    let mel = try MelSpectrogram(
      channels: sound.channelCount, bins: Self.parameters.melBins, frames: frames, values: values)
    grid = Self.grid(of: OnsetEnvelope(mel, parameters: Self.parameters))
  }

  /// A channel's first `count` samples at the rate that is listened to; few of the sound are held at a time.
  private static func resampled(
    _ sound: SpooledSound, _ count: Int, _ channel: Int
  ) throws -> [Float] {
    let resampler = try StreamResampler(
      from: sound.sampleRate, to: Self.parameters.sampleRate, channels: 1)
    var resampled: [Float] = []
    resampled.reserveCapacity(
      StreamResampler.outputCount(
        count, from: sound.sampleRate, to: Self.parameters.sampleRate))
    for start in stride(from: 0, to: count, by: sound.sampleRate) {
      let part = try sound.samples(start..<min(count, start + sound.sampleRate))
      resampled += try resampler.append([part[channel]])[0]
    }
    resampled += try resampler.finish()[0]
    return resampled
  }

  /// The beat of a clip's onsets; nil where there is no clear one.
  static func grid(of onsets: OnsetEnvelope) -> BeatGrid? {
    guard onsets.change >= Self.leastChange, let found = BeatGrid(onsets),
      found.clarity >= Self.leastClarity
    else { return nil }
    let reach = max(1, Int((Self.tolerance / onsets.step).rounded()))
    var (beats, met) = (0, 0)
    while true {
      let time = found.first + Double(beats) * found.period
      let middle = Int(((time - onsets.start) / onsets.step).rounded())
      guard middle < onsets.values.count else { break }
      let near = max(0, middle - reach)..<max(1, min(onsets.values.count, middle + reach + 1))
      if near.contains(where: { onsets.values[$0] >= 1 }) { met += 1 }
      beats += 1
    }
    return Double(met) >= Self.leastMet * Double(beats) ? found : nil
  }
}
