import AudioIO
import Cores
import Diffusion
import Spectrogram

/// A clip at 48 kHz as the windows that a model paints over: each a picture of its own, all of one
/// scale.
struct ClipWindows {
  let sound: SpooledSound
  /// Of the pictures; their rows are the model's.
  let parameters: SpectrogramParameters
  /// Columns of a window, and of them how many lie in the window before.
  let width: Int
  let overlap: Int
  /// Columns of the whole clip.
  let columns: Int
  /// The largest mel amplitude of the clip.
  let maximum: Float

  /// Sound beside a window that is analysed with it, so that its edges are the clip's own.
  private static let margin = 48_000 / 10

  /// Looks through the whole clip once.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  init(
    _ sound: SpooledSound, parameters: SpectrogramParameters, width: Int, overlap: Int, _ turn: Turn
  ) throws {
    self.sound = sound
    self.parameters = parameters
    self.width = width
    self.overlap = overlap
    let step = Self.columnSamples(parameters)
    columns = (sound.sampleCount + step - 1) / step
    var maximum: Float = 0
    for first in stride(from: 0, to: columns, by: width) {
      let mel = try Self.analysed(
        sound, parameters, first..<min(first + width, columns), turn)
      maximum = max(maximum, mel.maximum)
    }
    self.maximum = maximum
  }

  /// Samples of a column.
  var columnSamples: Int { Self.columnSamples(parameters) }

  private static func columnSamples(_ parameters: SpectrogramParameters) -> Int {
    SoundStage.sampleCount(columns: 1, stepMilliseconds: parameters.stepMilliseconds)
  }

  /// Windows that the clip takes.
  var count: Int {
    columns <= width ? 1 : (columns - overlap + width - overlap - 1) / (width - overlap)
  }

  /// The column at which a window begins.
  func start(_ window: Int) -> Int { window * (width - overlap) }

  /// A window, white beyond the clip's end.
  func picture(_ window: Int, _ turn: Turn) throws -> RasterImage {
    let first = start(window)
    let mel = try Self.analysed(
      sound, parameters, first..<min(first + width, columns), turn)
    // Its own maximum would not fit its neighbours': one more frame holds the clip's.
    var values: [Float] = []
    values.reserveCapacity(mel.channels * mel.bins * (mel.frames + 1))
    for row in 0..<mel.channels * mel.bins {
      values += mel.values[row * mel.frames..<(row + 1) * mel.frames]
      values.append(maximum)
    }
    let scaled = try MelSpectrogram(
      channels: mel.channels, bins: mel.bins, frames: mel.frames + 1, values: values)
    return try SpectrogramPicture(scaled, parameters: parameters).image
      .columns(0..<mel.frames).columns(0..<width)
  }

  /// Some columns of a clip, the first of which stands at sample `origin`.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  static func analysed(
    _ sound: SpooledSound, _ parameters: SpectrogramParameters, _ columns: Range<Int>,
    origin: Int = 0, _ turn: Turn
  ) throws -> MelSpectrogram {
    try turn.checkpoint()
    let step = columnSamples(parameters)
    // Whole columns before the window, as far as there is sound.
    let before = min(columns.lowerBound + origin / step, (margin + step - 1) / step)
    let start = origin + (columns.lowerBound - before) * step
    let end = min(sound.sampleCount, origin + columns.upperBound * step + margin)
    let part = AudioClip(
      sampleRate: sound.sampleRate, channels: try mixed(sound, start..<end, parameters.channels))
    let resampled = try StreamResampler.resample(part, to: parameters.sampleRate)
    let mel = try SpectrogramAnalyzer(parameters, pool: turn.pool).analyze(resampled.channels) {
      try turn.checkpoint()
    }
    let wanted = before..<min(before + columns.count, mel.frames)
    var values: [Float] = []
    values.reserveCapacity(mel.channels * mel.bins * wanted.count)
    for row in 0..<mel.channels * mel.bins {
      values +=
        mel.values[row * mel.frames + wanted.lowerBound..<row * mel.frames + wanted.upperBound]
    }
    return try MelSpectrogram(
      channels: mel.channels, bins: mel.bins, frames: wanted.count, values: values)
  }

  /// A stretch of the sound in as many channels as the pictures have.
  private static func mixed(
    _ sound: SpooledSound, _ range: Range<Int>, _ channels: Int
  ) throws(AudioIOError) -> [[Float]] {
    let own = try sound.samples(range)
    guard channels == 1, own.count > 1 else { return own }
    let share = 1 / Float(own.count)
    var mean = [Float](repeating: 0, count: range.count)
    for channel in own {
      for index in mean.indices { mean[index] += share * channel[index] }
    }
    return [mean]
  }
}
