internal import Cores

/// What the U-Net's deep layers gave at a session's last whole step, in memory of its own.
final class DeepFeatures {
  private var map: OwnedMap?

  /// Keeps a copy of a step's features, an item for each prompt that it was made with.
  func keep(_ features: Tensor) throws(DiffusionError) {
    if let map, map.withTensor({ $0.shaped(like: features) }) {
      map.withTensor { $0.copy(from: features) }
    } else {
      map = try OwnedMap(copying: features)
    }
  }

  /// Copies those of the last prompts, as many as `target` has items; no step is shallow that has more of them
  /// than the last whole one (``StepKind``).
  func copy(to target: Tensor) throws(DiffusionError) {
    guard let map else { throw .internal("a shallow step came before any whole one") }
    map.withTensor { features in
      target.copy(from: features.items(features.batch - target.batch..<features.batch))
    }
  }
}
