extension SoloModel {
  /// Runs `body` and tells where the time of this model went meanwhile, the slowest layers first.
  ///
  ///     let timings = try model.profile {
  ///       _ = try model.predict(latents, batch: 1, height: 64, width: 64, timestep: 500,
  ///         embedding: embedding)
  ///     }
  ///     for timing in timings {
  ///       print(timing.layer.kind, timing.layer.rows, timing.seconds,
  ///         timing.layer.operations * Double(timing.runs) / timing.seconds)
  ///     }
  ///
  /// The sum of all `seconds` is the time that the model was held. A first run also prepares
  /// weights: let it pass before. When no profile is made, a layer pays one comparison.
  package func profile(_ body: () throws -> Void) rethrows -> [LayerTiming] {
    startClock()
    do {
      try body()
    } catch {
      _ = stopClock()
      throw error
    }
    return stopClock()
  }
}
