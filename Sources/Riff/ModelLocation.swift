/// A model's name in requests and the folder that holds it, in diffusers' layout.
public struct ModelLocation: Sendable, Equatable {
  public var name: String
  public var directory: String

  public init(name: String, directory: String) {
    self.name = name
    self.directory = directory
  }
}
