/// A LoRA that a model is opened with.
public struct ModelAdapter: Sendable, Hashable {
  /// Factors that adapters may have.
  public static let weights = -10.0...10.0

  /// Of its file, `.safetensors` or PyTorch's.
  public var path: String
  /// What it counts for; 1 is as it was trained.
  public var weight: Double

  public init(path: String, weight: Double = 1) {
    self.path = path
    self.weight = weight
  }
}
