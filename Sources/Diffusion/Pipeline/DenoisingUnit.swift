internal import Cores
internal import Synchronization

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
    let errors = try denoise(units.map(\.session), turn)
    for (unit, error) in zip(units, errors) { unit.error = error }
  }

  /// Makes the next step of each session in one run of the U-Net, or in several side by side where that is
  /// faster.
  private static func denoise(
    _ sessions: [DiffusionSession], _ turn: Turn
  ) throws -> [DiffusionError?] {
    let parts = turn.parts(of: sessions.count)
    guard parts > 1 else { return try DiffusionSession.denoise(sessions, Compute(turn)) }
    let ranges = (0..<parts).map {
      sessions.count * $0 / parts..<sessions.count * ($0 + 1) / parts
    }
    let outputs = Mutex([Tensor?](repeating: nil, count: parts))
    let mark = turn.arena.mark()
    defer { turn.arena.release(to: mark) }
    try turn.sideBySide(parts) { part, turn in
      var compute = Compute(turn)
      compute.adapters = sessions.first?.adapterSet
      let output = try DiffusionSession.predict(Array(sessions[ranges[part]]), compute)
      outputs.withLock { $0[part] = output }
    }
    // Now nothing fails for all any more.
    return zip(ranges, outputs.withLock { $0 }).flatMap { range, output in
      output.map { DiffusionSession.step(Array(sessions[range]), by: $0, Compute(turn)) } ?? []
    }
  }

  /// Throws what went wrong with this one's step when it was made.
  func finish() throws(DiffusionError) {
    if let error { throw error }
  }
}
