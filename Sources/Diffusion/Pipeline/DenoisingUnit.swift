internal import Cores

/// A session's next denoising step, which may be made together with those of others.
///
/// It may cross to another job's thread: while its own waits for its turn, only who has the turn touches
/// the session, and the engine's lock lies between the two.
final class DenoisingUnit: SharedUnit, @unchecked Sendable {
  let mostTogether: Int
  let goesOn: Bool
  private let session: DiffusionSession
  private var error: DiffusionError?

  /// `session` is to denoise next.
  init(_ session: DiffusionSession) {
    self.session = session
    mostTogether = session.mostTogether
    goesOn =
      if case .denoise(let step, let steps) = session.next { step + 1 < steps } else { false }
  }

  func fits(_ other: any SharedUnit) -> Bool {
    guard let other = other as? DenoisingUnit else { return false }
    return session.sharesSteps(with: other.session)
  }

  /// Makes the steps of all units, which fit each other.
  ///
  /// Throws before any session has changed; later errors are told by ``finish()``.
  static func run(_ turn: Turn, _ units: [any SharedUnit]) throws {
    let units = units.compactMap { $0 as? DenoisingUnit }
    let errors = try DiffusionSession.denoise(units.map(\.session), Compute(turn))
    for (unit, error) in zip(units, errors) { unit.error = error }
  }

  /// Throws what went wrong with this one's step when it was made.
  func finish() throws(DiffusionError) {
    if let error { throw error }
  }
}
