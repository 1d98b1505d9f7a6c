import Cores
import Spectrogram

/// The next block of a sound's phases, which may be recovered together with those of others.
///
/// It may cross to another job's thread: while its own waits for its turn, only who has the turn touches
/// the stream, and the engine's lock lies between the two.
final class RecoveryUnit: SharedUnit, @unchecked Sendable {
  let mostTogether: Int
  /// The sound is encoded and sent first.
  let goesOn = false
  /// What came of it; nil at the end of the stream.
  private(set) var samples: [[Float]]?
  private let stream: PhaseRecoveryStream

  /// More than there are threads would only make the first of them wait.
  init(_ stream: PhaseRecoveryStream, threads: Int) {
    self.stream = stream
    mostTogether = stream.fits(stream) ? threads : 1
  }

  func fits(_ other: any SharedUnit) -> Bool {
    guard let other = other as? RecoveryUnit else { return false }
    return stream.fits(other.stream)
  }

  static func run(_ turn: Turn, _ units: [any SharedUnit]) throws {
    let units = units.compactMap { $0 as? RecoveryUnit }
    let samples = try PhaseRecoveryStream.next(of: units.map(\.stream)) { try turn.checkpoint() }
    for (unit, samples) in zip(units, samples) { unit.samples = samples }
  }
}
