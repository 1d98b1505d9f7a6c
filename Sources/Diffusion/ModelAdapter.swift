/// A LoRA, and how much of it there is to be.
public struct ModelAdapter: Sendable, Hashable {
  /// Weights that adapters may have.
  public static let weights = -10.0...10.0
  /// Adapters that one picture may have, at most.
  public static let maximumCount = 16

  /// Of its file: safetensors, or a state dict of `torch.save`.
  public var path: String
  /// 1 is as it was trained; 0 is none of it.
  public var weight: Double

  /// ``DiffusionModel/begin(_:)`` checks the weight and opens the file.
  public init(path: String, weight: Double = 1) {
    self.path = path
    self.weight = weight
  }

  /// Throws `invalidArgument` of `loras` where a weight is out of range or a file is there twice.
  static func validate(_ adapters: [ModelAdapter]) throws(DiffusionError) {
    guard adapters.count <= maximumCount else {
      throw .invalid("loras", "must be at most \(maximumCount), not \(adapters.count)")
    }
    // NaN is in no range.
    for adapter in adapters where !(weights ~= adapter.weight) {
      throw .invalid("loras", "must have weights of -10 to 10, not \(adapter.weight)")
    }
    guard Set(adapters.map(\.path)).count == adapters.count else {
      throw .invalid("loras", "must have each LoRA once")
    }
  }
}
