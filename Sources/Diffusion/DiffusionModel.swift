package import Cores
internal import Provenance
internal import Synchronization

/// A checkpoint, a folder in diffusers' layout or one file in Stable Diffusion's: its weights, and what
/// they take.
///
/// It holds nothing of a job, so any number of sessions may work with it at once. The parts are chosen
/// by the classes that its files name. Same request, precision, machine and thread count give the same
/// bytes.
public final class DiffusionModel: Sendable {
  /// What its files say of it, read when it was opened.
  public let info: DiffusionModelInfo

  /// What the U-Net is kept in and computed with.
  public let precision: Precision

  let checkpoint: Checkpoint
  /// What was added to its weights as they were read.
  private let merged: [ModelAdapter]
  /// What was asked for besides, by its path.
  private let adapters = Mutex<[String: LoadedAdapter]>([:])

  /// `directory` is the folder or the file. Opens the files and checks them against their configuration;
  /// weights are prepared when they are first needed, or by `prepareSmallWeights`.
  ///
  /// Throws ``DiffusionError`` of kind `checkpoint` naming the file, and the tensor if it is one.
  ///
  /// `autoencoder` is used instead of its own: a folder in diffusers' layout, or TAESD's two files, by their
  /// folder or by one of them.
  /// `merged` is added to the weights as they are read, and costs nothing afterwards; see
  /// ``DiffusionRequest/adapters``.
  public init(
    directory: String, autoencoder: String? = nil, merged: [ModelAdapter] = [],
    precision: Precision = .f32
  ) throws(DiffusionError) {
    try ModelAdapter.validate(merged)
    self.precision = precision
    self.merged = merged
    checkpoint = try Checkpoint(
      path: directory, autoencoder: autoencoder, merged: merged, precision: precision)
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
  public var residentBytes: Int {
    checkpoint.weights.reduce(0) { $0 + $1.residentBytes }
      + adapters.withLock { $0.values.reduce(0) { $0 + $1.residentBytes } }
  }

  /// Tensors that are prepared one by one, each when its layer first runs or when the model is loaded.
  public var weightCount: Int { checkpoint.weights.count }

  /// Makes a copy of weight `index` in memory now; nothing where there is one.
  package func prepare(_ index: Int, _ turn: Turn) throws(DiffusionError) {
    try checkpoint.weights[index].prepare(turn.pool)
  }

  /// A picture to be made. Nothing is computed yet.
  ///
  /// Throws ``DiffusionError``: `invalidArgument` naming a field of the request, `checkpoint` of an
  /// adapter that does not fit, or `outOfMemory`.
  public func begin(_ request: DiffusionRequest) throws(DiffusionError) -> DiffusionSession {
    try request.validate(for: info)
    return try DiffusionSession(checkpoint, request, adapters: beside(request.adapters))
  }

  /// What runs beside the weights so that each adapter has the weight that is asked for; nil: nothing.
  private func beside(_ wanted: [ModelAdapter]) throws(DiffusionError) -> AdapterSet? {
    var loaded: [(adapter: ModelAdapter, file: LoadedAdapter)] = []
    for adapter in wanted.sorted(by: { $0.path < $1.path }) {
      let own = merged.first { $0.path == adapter.path }?.weight ?? 0
      let missing = ModelAdapter(path: adapter.path, weight: adapter.weight - own)
      if missing.weight != 0 { loaded.append((missing, try load(adapter.path))) }
    }
    return loaded.isEmpty ? nil : AdapterSet(loaded)
  }

  /// 16 hex digits that tell an adapter from others.
  ///
  /// Throws `checkpoint` where it does not fit the model.
  public func fingerprint(ofAdapter path: String) throws(DiffusionError) -> String {
    try load(path).fingerprint.description
  }

  private func load(_ path: String) throws(DiffusionError) -> LoadedAdapter {
    try adapters.withLock { adapters throws(DiffusionError) in
      if let adapter = adapters[path] { return adapter }
      let adapter = try LoadedAdapter(LoRAFile(path: path), for: checkpoint.adapterPlaces)
      adapters[path] = adapter
      return adapter
    }
  }
}
