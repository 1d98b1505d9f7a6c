/// A LoRA that requests may name.
public struct LoRADescription: Sendable {
  /// As requests name it.
  public var name: String
  /// Its file's, absolute.
  public var path: String
  /// What it is, or why it cannot be used with any model.
  public var details: Result<Details, JobError>

  /// What its file holds.
  public struct Details: Sendable {
    /// The largest of its layers'.
    public var rank: Int
    /// 16 hex digits that tell it from others.
    public var fingerprint: String
  }
}
