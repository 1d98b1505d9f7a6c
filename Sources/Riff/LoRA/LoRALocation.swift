/// A LoRA's name in requests and the file that holds it.
public struct LoRALocation: Sendable, Equatable {
  /// 1 to 100 characters, none of them white space or one of `,:<>=`.
  public var name: String
  /// An absolute path.
  public var path: String

  /// Nil where the name cannot stand in a prompt.
  public init?(name: String, path: String) {
    guard LoRAUse.isName(name) else { return nil }
    self.name = name
    self.path = path
  }
}
