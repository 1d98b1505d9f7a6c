import Diffusion
import Spectrogram

/// Finds the beat of a painted window.
struct WindowBeat {
  let parameters: SpectrogramParameters
  /// Columns that a latent column stands for.
  let multiple: Int

  /// A beat less clear than that is none.
  private static let leastClarity = 2.5
  /// A period that is a whole number of latent columns, but for this share of one, is the autoencoder's
  /// own: steps between its patches, in sounds that are held.
  private static let patchTolerance = 0.03

  /// The beat at a tempo that is known, else the window's own; nil where it has none that is clear.
  ///
  /// - Throws: `SpectrogramError`.
  func grid(of window: RasterImage, bpm: Double?) throws -> BeatGrid? {
    let picture = try SpectrogramPicture(image: window, parameters: self.parameters, maximum: 1)
    let onsets = OnsetEnvelope(picture, parameters: self.parameters)
    if let bpm { return BeatGrid(onsets, bpm: bpm) }
    guard let grid = BeatGrid(onsets), grid.clarity >= Self.leastClarity else { return nil }
    let columns = grid.period * 1_000 / Double(self.parameters.stepMilliseconds * self.multiple)
    return abs(columns - columns.rounded()) < Self.patchTolerance ? nil : grid
  }
}
