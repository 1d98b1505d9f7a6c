import Cores
import Diffusion
import Provenance
import Synchronization

/// A model that may be asked for; its files are opened when it first is.
final class CatalogModel: Sendable {
  let location: ModelLocation

  private let loras: LoRACatalog
  private let opened = Mutex<DiffusionModel?>(nil)
  let usage = Mutex(Usage())

  init(_ location: ModelLocation, loras: LoRACatalog) {
    self.location = location
    self.loras = loras
  }

  var name: String { self.location.name }

  /// Whether the files are open.
  var isLoaded: Bool { self.opened.withLock { $0 != nil } }

  /// Where its files lie now.
  ///
  /// - Throws: ``JobError`` of kind `failedPrecondition` that says what is wrong with the place.
  func folder() throws(JobError) -> String {
    let folder = ModelFolder(self.location.directory)
    guard let problem = self.location.problem ?? folder.problem else { return folder.directory }
    throw JobError(.failedPrecondition, problem)
  }

  /// What the folder says of it. Blocks.
  ///
  /// - Throws: ``JobError`` of kind `failedPrecondition`.
  func card() throws(JobError) -> ModelCard {
    try ModelCard.read(fromFolder: try self.folder())
  }

  /// What the model is computed in. Blocks.
  ///
  /// - Throws: ``JobError`` of kind `failedPrecondition`.
  private func precision() throws(JobError) -> Precision {
    if let choice = self.location.precision { return choice.precision }
    return (try self.card().precision ?? .f32).precision
  }

  /// The model, its files opened and checked now if they were not before. Blocks.
  ///
  /// - Parameter seat: whose turn small weights are prepared in.
  /// - Throws: ``JobError`` of kind `failedPrecondition` when the folder is not a usable checkpoint;
  ///   `CancellationError` once the seat was cancelled.
  func load(_ seat: Seat) throws -> DiffusionModel {
    do {
      return try self.opened.withLock { opened in
        if let opened { return opened }
        let model = try self.open()
        try seat.withTurn { try model.prepareSmallWeights($0) }
        opened = model
        return model
      }
    } catch let error as CancellationError {
      throw error
    } catch {
      throw JobError(error)
    }
  }

  /// The model, if its files are open.
  var current: DiffusionModel? { self.opened.withLock { $0 } }

  /// Lets go of the model, so that the next job opens it anew; jobs that work with it go on.
  func drop() -> DiffusionModel? {
    self.opened.withLock { opened in
      defer { opened = nil }
      return opened
    }
  }

  private func open() throws -> DiffusionModel {
    try DiffusionModel(
      directory: self.folder(), autoencoder: self.location.autoencoder,
      merged: self.loras.adapters(self.location.merged), precision: self.precision())
  }

  /// The LoRAs of a picture for which a request asks for `asked`: those, and the model's own.
  func loras(_ asked: [LoRAUse]) -> [LoRAUse] {
    asked + self.location.merged.filter { own in !asked.contains { $0.name == own.name } }
  }

  /// Lets go of a model whose files have changed, so that the next job opens them anew. Jobs that work
  /// with it go on.
  func forget(_ model: DiffusionModel) {
    self.opened.withLock { if $0 === model { $0 = nil } }
  }

  /// What the model is and takes. Blocks: it opens the files, but reads no weights.
  func describe() -> ModelDescription {
    let opened = self.opened.withLock { $0 }
    return ModelDescription(
      name: self.name, path: (try? self.folder()) ?? self.location.directory,
      isLoaded: opened != nil, residentBytes: opened?.residentBytes ?? 0,
      details: Result { () throws(JobError) in
        let card = try self.card()
        do {
          let info = try opened?.info ?? self.open().info
          return ModelDescription.Details(
            card: card, info: info, precision: try opened?.precision ?? self.precision(),
            loras: self.location.merged)
        } catch {
          throw JobError(error)
        }
      })
  }
}

extension ModelCard {
  /// Tells a model from others: the checkpoint and, where there is one, its card.
  func fingerprint(with info: DiffusionModelInfo) -> String {
    guard let digest else { return info.fingerprint }
    return Fingerprint(of: Array("\(info.fingerprint) \(digest)".utf8)).description
  }
}
