import Cores
import Diffusion
import Synchronization

/// A model that may be asked for; its files are opened when it first is.
final class CatalogModel: Sendable {
  let name: String
  let directory: String
  /// What the folder says of it, or why that cannot be read.
  let card: Result<ModelCard, JobError>

  private let engine: Engine
  private let report: @Sendable (String) -> Void
  private let isOpen = Atomic(false)
  private let diffusion = Mutex<DiffusionModel?>(nil)

  /// `report` is told, once, what of the files is passed over.
  init(
    _ location: ModelLocation, engine: Engine, report: @escaping @Sendable (String) -> Void
  ) {
    self.report = report
    self.name = location.name
    self.directory = location.directory
    self.engine = engine
    self.card = Result { () throws(JobError) in
      try ModelCard.read(fromFolder: location.directory)
    }
  }

  /// Whether the files are open.
  var isLoaded: Bool { self.isOpen.load(ordering: .acquiring) }

  /// The model, its files opened and checked now if they were not before. Blocks.
  ///
  /// - Throws: ``JobError`` of kind `failedPrecondition` when the folder is no usable checkpoint.
  func load() throws(JobError) -> DiffusionModel {
    do {
      return try self.diffusion.withLock { diffusion in
        if let diffusion { return diffusion }
        let model = try DiffusionModel(directory: self.directory)
        try self.engine.withTurn { try model.prepareSmallWeights($0) }
        diffusion = model
        self.isOpen.store(true, ordering: .releasing)
        for warning in model.info.warnings { self.report(warning) }
        return model
      }
    } catch {
      throw JobError(error)
    }
  }

  /// What the model is and takes. Blocks, since it opens the model.
  func describe() -> ModelDescription {
    let wasLoaded = self.isLoaded
    return ModelDescription(
      name: self.name, isLoaded: wasLoaded,
      details: Result { () throws(JobError) in
        ModelDescription.Details(card: try self.card.get(), info: try self.load().info)
      })
  }
}
