package import Spectrogram

/// What a model is told of a piece besides words (`DiffusionRequest.timeIDs`): its tempo, how far into a beat
/// a picture begins, and its key, in the order in which the model's card names them. What is not known is 0,
/// and so is what the card calls anything else. A model whose card names nothing is told nothing.
package struct TimeIDs: Sendable, Equatable {
  /// Beats a minute that were asked for, or that the prompt names; nil where the music may choose.
  package var tempo: Double?
  /// Nil where the prompt names none.
  package var key: NamedKey?

  private let card: ModelCard
  /// Beats a minute, whatever a prompt names; nil: as that does.
  private let asked: Double?

  /// Tempos that differ by this share at most are one.
  private static let tolerance = 0.02

  /// - Parameters:
  ///   - count: numbers that the U-Net takes; a card that names more or fewer is not heeded.
  ///   - bpm: beats a minute, in place of those that the prompt names.
  package init(_ card: ModelCard, count: Int, prompt: String, bpm: Double? = nil) {
    var card = card
    if card.timeIDs.count != count { card.timeIDs = [] }
    self.init(card, prompt: prompt, asked: bpm)
  }

  private init(_ card: ModelCard, prompt: String, asked: Double?) {
    self.card = card
    self.asked = asked
    self.tempo = asked ?? NamedTempo(in: prompt)?.bpm
    self.key = NamedKey(in: prompt)
  }

  /// Whether what is told depends on beats, so that they are worth looking for.
  package var tellsBeats: Bool {
    self.card.timeIDs.contains { $0 == Name.tempo.rawValue || $0 == Name.beat.rawValue }
  }

  /// Of a picture that begins so many beats, a fraction, after one that counts as the first.
  package func numbers(beats: Double) -> [Double] { self.numbers(self.tempo, beats) }

  /// Of a picture whose first column lies `seconds` after where a grid's time begins.
  ///
  /// A tempo that was asked for is told whatever the grid has. Where that is another tempo than the grid's, half and
  /// twice as fast being the same, nothing is known of the beat. Without a grid, its time begins on a beat.
  package func numbers(at seconds: Double, of grid: BeatGrid?) -> [Double] {
    guard let grid else { return self.numbers(self.tempo, (self.tempo ?? 0) / 60 * seconds) }
    let beats = (seconds - grid.first) / grid.period
    guard let tempo else { return self.numbers(grid.bpm, beats) }
    let ratio = [1, 2, 0.5].first { abs(tempo / (grid.bpm * $0) - 1) <= Self.tolerance }
    return self.numbers(tempo, ratio.map { $0 * beats } ?? 0)
  }

  /// Of a window that begins at a column of a piece; without beats, on one.
  package func numbers(at column: Int, of beats: Beats?) -> [Double] {
    self.numbers(self.tempo, beats.map { (Double(column) - $0.origin) / $0.period } ?? 0)
  }

  /// What is told at a share of the way to another prompt: of two tempos one between them, and the nearer prompt's
  /// key.
  package func toward(_ prompt: String, share: Double) -> TimeIDs {
    let other = TimeIDs(self.card, prompt: prompt, asked: self.asked)
    var told = share < 0.5 ? self : other
    if let tempo, let end = other.tempo { told.tempo = tempo + share * (end - tempo) }
    return told
  }

  /// The names that riff's own models give their numbers.
  private enum Name: String {
    case tempo, beat, key
  }

  private func numbers(_ tempo: Double?, _ beats: Double) -> [Double] {
    var told: [Name: Double] = [:]
    if let tempo {
      // Rounded, so that what an error of arithmetic puts before a beat is on it.
      let turn = ((beats - beats.rounded(.down)) * 1e9).rounded() / 1e9
      told[.tempo] = tempo
      told[.beat] = turn < 1 ? 360 * turn : 0
    }
    if let key { told[.key] = Double(key.number) }
    return self.card.timeIDs(Dictionary(uniqueKeysWithValues: told.map { ($0.rawValue, $1) }))
  }
}
