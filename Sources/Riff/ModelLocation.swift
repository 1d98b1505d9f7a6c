/// A model's name in requests and what holds it: a folder in diffusers' layout, or one file.
public struct ModelLocation: Sendable, Equatable {
  /// As requests and ``ModelDescription`` name it.
  public var name: String
  /// An absolute path; a hub's cache folder stands for its snapshot.
  public var directory: String
  /// An autoencoder that is used instead of its own, an absolute path.
  public var autoencoder: String?
  /// LoRAs that are added to its weights as they are read, and that its pictures have unless a request says
  /// otherwise.
  public var merged: [LoRAUse] = []
  /// Why it is not to be used, whatever lies there; it is listed all the same.
  public var problem: String?
  /// What it is computed in, whatever its `riff.json` says; nil: what that says, or else f32.
  public var precision: PrecisionChoice?

  /// Nothing is opened yet: a folder that is not there is told when the model is asked for.
  public init(name: String, directory: String, autoencoder: String? = nil, problem: String? = nil) {
    self.name = name
    self.directory = directory
    self.autoencoder = autoencoder
    self.problem = problem
  }
}
