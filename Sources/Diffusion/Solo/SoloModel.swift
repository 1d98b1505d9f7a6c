internal import Cores
internal import Synchronization

/// A model with an engine of its own, for tests and benchmarks: one picture at a time.
package final class SoloModel: Sendable {
  package let model: DiffusionModel
  package var info: DiffusionModelInfo { model.info }

  private let engine: Engine
  private let instructions: Instructions
  /// Only while a profile is made.
  private let clock = Mutex<LayerClock?>(nil)

  /// `instructions`: what this CPU must have, for products.
  package init(
    directory: String, autoencoder: String? = nil, merged: [ModelAdapter] = [], threads: Int,
    instructions: Instructions = .best, precision: Precision = .f32
  ) throws(DiffusionError) {
    guard instructions.isAvailable else {
      throw .invalid("instructions", "this CPU does not have \(instructions)")
    }
    model = try DiffusionModel(
      directory: directory, autoencoder: autoencoder, merged: merged, precision: precision)
    do {
      engine = try Engine(threads: threads)
    } catch {
      throw error.kind == .threads
        ? .invalid("threads", error.message) : .internal(error.message)
    }
    self.instructions = instructions
    let model = model
    do {
      try engine.withTurn { try model.prepareSmallWeights($0) }
    } catch let error as DiffusionError {
      throw error
    } catch {
      throw .internal("\(error)")
    }
  }

  /// Makes a picture; blocks until it is done.
  ///
  /// `progress` runs as ``DiffusionSession/advance(_:progress:)`` says; it must not call this model.
  package func generate(
    _ request: DiffusionRequest, progress: (DiffusionProgress) throws -> Void
  ) throws -> RasterImage {
    try run(request, progress: progress).image
  }

  /// The picture before it becomes 8-bit: 3 · width · height values, about −1 … 1.
  package func picture(
    _ request: DiffusionRequest, progress: (DiffusionProgress) throws -> Void
  ) throws -> [Float] {
    try run(request, progress: progress).values
  }

  /// Pictures whose denoising steps are made together as long as they have some left, however large they
  /// are; they share a size. Before they become 8-bit.
  package func pictures(_ requests: [DiffusionRequest]) throws -> [[Float]] {
    let sessions = try requests.map { try model.begin($0) }
    for session in sessions { session.keepsValues = true }
    while true {
      var denoising: [DiffusionSession] = []
      for session in sessions {
        if case .denoise = session.next {
          denoising.append(session)
        } else if session.next != nil {
          try withCompute { try session.advance($0) { _ in } }
        }
      }
      // Those that reuse features go by themselves.
      let isShallow = denoising.first?.isShallow
      denoising.removeAll { $0.isShallow != isShallow }
      if denoising.isEmpty {
        guard sessions.contains(where: { $0.next != nil }) else { break }
        continue
      }
      for error in try withCompute({ try DiffusionSession.denoise(denoising, $0) }) {
        if let error { throw error }
      }
      for session in denoising { try session.finishStep() }
    }
    return sessions.map(\.values)
  }

  /// The prompts of a request that will be cut.
  package func promptCuts(_ request: DiffusionRequest) -> [PromptCut] {
    let encoder = PromptEncoder(tokenizer: model.checkpoint.tokenizer)
    return request.promptCuts(request.encodings(by: encoder), by: encoder)
  }

  private func run(
    _ request: DiffusionRequest, progress: (DiffusionProgress) throws -> Void
  ) throws -> DiffusionSession {
    let session = try model.begin(request)
    session.keepsValues = true
    while session.next != nil {
      try withCompute { try session.advance($0, progress: progress) }
    }
    return session
  }

  /// Runs `body` with the engine's threads and memory, alone.
  func withCompute<Result: Sendable>(_ body: (Compute) throws -> Result) throws -> Result {
    try engine.withTurn { turn in
      var compute = Compute(turn)
      compute.instructions = instructions
      compute.clock = clock.withLock { $0 }
      compute.begin(.other, rows: 0, inputs: 0, outputs: 0)
      defer { compute.end() }
      return try body(compute)
    }
  }

  /// From here to `stopClock` layers are timed.
  func startClock() { clock.withLock { $0 = LayerClock() } }

  func stopClock() -> [LayerTiming] {
    clock.withLock { clock in
      defer { clock = nil }
      return clock?.timings ?? []
    }
  }
}
