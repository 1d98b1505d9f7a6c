package import Cores

/// A checkpoint, a folder in diffusers' layout or one file in Stable Diffusion's: its weights, and what
/// they take.
///
/// It holds nothing of a job, so any number of sessions may work with it at once. The parts are chosen
/// by the classes that its files name; they compute in f32. Same request, machine and thread count give
/// the same bytes.
public final class DiffusionModel: Sendable {
  public let info: DiffusionModelInfo

  let checkpoint: Checkpoint

  /// `directory` is the folder or the file. Opens the files and checks them against their configuration; weights are prepared when they are
  /// first needed, or by ``prepareSmallWeights(_:)``.
  ///
  /// Throws ``DiffusionError`` of kind `checkpoint` naming the file, and the tensor if it is one.
  ///
  /// `autoencoder` is used instead of its own: a folder in diffusers' layout, or TAESD's two files, by their
  /// folder or by one of them.
  /// `adapters` are fused into the weights as these are read.
  public init(
    directory: String, autoencoder: String? = nil, adapters: [ModelAdapter] = []
  ) throws(DiffusionError) {
    checkpoint = try Checkpoint(path: directory, autoencoder: autoencoder, adapters: adapters)
    info = checkpoint.info
  }

  /// Where a model's `riff.json` lies: in its folder, or `NAME.riff.json` beside its file.
  package static func cardPath(of path: String) -> String {
    CheckpointFile.isFolder(path) ? "\(path)/riff.json" : SingleFile.card(of: path)
  }

  /// Copies weights of at most 256 MiB into memory now, so that their files may change; larger ones
  /// wait until they are needed.
  package func prepareSmallWeights(_ turn: Turn) throws(DiffusionError) {
    try checkpoint.prepareSmallWeights(turn.pool)
  }

  /// Bytes that its prepared weights take in memory now.
  public var residentBytes: Int { checkpoint.weights.reduce(0) { $0 + $1.residentBytes } }

  /// Weights that ``prepare(_:_:)`` takes.
  public var weightCount: Int { checkpoint.weights.count }

  /// Makes a copy of weight `index` in memory now; nothing where there is one.
  package func prepare(_ index: Int, _ turn: Turn) throws(DiffusionError) {
    try checkpoint.weights[index].prepare(turn.pool)
  }

  /// A picture to be made. Nothing is computed yet.
  ///
  /// Throws ``DiffusionError``: `invalidArgument` naming a field of the request, or `outOfMemory`.
  public func begin(_ request: DiffusionRequest) throws(DiffusionError) -> DiffusionSession {
    try request.validate(for: info)
    return try DiffusionSession(checkpoint, request)
  }
}
