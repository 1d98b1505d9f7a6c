internal import Cores

/// What a session's prompts give its steps, which may be made beside that of others.
///
/// It may cross to another job's thread for the reason that a ``DenoisingUnit`` may.
final class ConditioningUnit: SharedUnit, @unchecked Sendable {
  let mostTogether: Int
  /// A step follows.
  let goesOn = false
  private let session: DiffusionSession
  private var result: Result<Conditioning, DiffusionError>?

  init(_ session: DiffusionSession) {
    self.session = session
    mostTogether =
      ProductLibrary.best(with: .best) == .own ? DiffusionSession.mostTogether : 1
  }

  func fits(_ other: any SharedUnit) -> Bool {
    guard let other = other as? ConditioningUnit else { return false }
    let own = session.checkpoint.textEncoder.weights
    let others = other.session.checkpoint.textEncoder.weights
    return own.count == others.count && zip(own, others).allSatisfy { $0 === $1 }
  }

  /// Makes those of all units.
  ///
  /// Throws what is not the fault of one of them; that is told by ``finish()``.
  static func run(_ turn: Turn, _ units: [any SharedUnit]) throws {
    let units = units.compactMap { $0 as? ConditioningUnit }
    let parts = turn.parts(of: units.count)
    try turn.sideBySide(parts) { part, turn in
      for unit in units[units.count * part / parts..<units.count * (part + 1) / parts] {
        let mark = turn.arena.mark()
        defer { turn.arena.release(to: mark) }
        do throws(DiffusionError) {
          unit.result = .success(try unit.session.condition(Compute(turn)))
        } catch {
          switch error.kind {
          case .interrupted, .outOfMemory, .changed: throw error
          case .invalidArgument, .checkpoint, .internal: unit.result = .failure(error)
          }
        }
      }
    }
  }

  /// Throws what went wrong with this one's.
  func finish() throws(DiffusionError) -> Conditioning {
    guard let result else { throw .internal("the prompts were not read") }
    return try result.get()
  }
}
