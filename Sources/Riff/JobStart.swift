public import Provenance

/// What a job is about to make: `Started` in `riff.proto`.
public struct JobStart: Sendable, Equatable {
  /// Unique among the jobs of one ``Studio``.
  public var id: UInt64
  /// All that makes it again; the file says the same of itself.
  public var recipe: Recipe

  /// 0 for jobs that draw no noise.
  public var seed: UInt64 { self.recipe["seed"].flatMap { UInt64($0) } ?? 0 }
  /// Empty for jobs without a model.
  public var model: String { self.recipe["model"] ?? "" }
  /// Empty for jobs without a model.
  public var modelFingerprint: String { self.recipe["model_fingerprint"] ?? "" }
}
