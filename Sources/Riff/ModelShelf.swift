import Cores
import Diffusion
import Synchronization

/// Which models' weights stay in memory: they are read on first use, and leave when they were not used
/// for a while or others need the room, the one that was used longest ago first.
final class ModelShelf: Sendable {
  private let models: [CatalogModel]
  private let engine: Engine
  private let policy: ModelPolicy

  init(_ models: [CatalogModel], engine: Engine, policy: ModelPolicy) {
    self.models = models
    self.engine = engine
    self.policy = policy
  }

  /// Runs `body` with the model, whose files are opened if they are not. It stays meanwhile; should its files
  /// be found to have changed, the next job opens them anew.
  ///
  /// - Parameter keepAlive: seconds that it is to stay afterwards; nil: as the policy says.
  /// - Throws: ``JobError`` of kind `failedPrecondition` when the folder is not a usable checkpoint, and
  ///   what `body` throws.
  func withModel<R>(
    _ model: CatalogModel, keepAlive: Double?, _ seat: Seat, _ body: (DiffusionModel) throws -> R
  ) throws -> R {
    model.begin(keepAlive: keepAlive)
    defer {
      model.end()
      self.expire(model)
    }
    let diffusion = try model.load(seat)
    do {
      let result = try body(diffusion)
      self.makeRoom(for: model)
      return result
    } catch let error as DiffusionError {
      if case .changed = error.kind { model.forget(diffusion) }
      throw error
    }
  }

  /// Lets models go until all fit the memory that they may take, but for those that are in use.
  func makeRoom(for model: CatalogModel? = nil) {
    let limit = min(
      self.policy.memory ?? .max, self.policy.limit.resident.map { $0 * 3 / 4 } ?? .max)
    guard limit < .max else { return }
    while true {
      let loaded = self.models.compactMap { other in
        other.current.map { (model: other, bytes: $0.residentBytes) }
      }
      guard loaded.reduce(0, { $0 + $1.bytes }) > limit else { return }
      let idle = loaded.filter { $0.model !== model && $0.bytes > 0 }
        .map { ($0.model, $0.model.usage.withLock { ($0.users, $0.lastUse) }) }
        .filter { $0.1.0 == 0 }
      guard let oldest = idle.min(by: { $0.1.1 < $1.1.1 })?.0 else { return }
      _ = self.unload(oldest)
    }
  }

  /// Lets a model go; jobs that work with it go on, and its memory is free when the last of them ends.
  ///
  /// - Returns: bytes that its weights took; 0 where they were not in memory.
  func unload(_ model: CatalogModel) -> Int {
    let bytes = Self.release(model)
    self.engine.returnMemory()
    return bytes
  }

  /// The model is gone when this returns, if nobody else has it.
  private static func release(_ model: CatalogModel) -> Int { model.drop()?.residentBytes ?? 0 }

  /// Sees to it that a model that has just been used leaves in time.
  private func expire(_ model: CatalogModel) {
    self.makeRoom()
    let (seconds, last) = model.usage.withLock {
      ($0.keepAlive ?? self.policy.keepAlive, $0.lastUse)
    }
    guard seconds < 1e9 else { return }
    guard seconds > 0 else {
      if model.usage.withLock({ $0.users == 0 }) { _ = self.unload(model) }
      return
    }
    Task { [weak self, weak model] in
      try? await Task.sleep(for: .seconds(seconds))
      guard let self, let model else { return }
      // Whoever used it later has a task of their own.
      if model.usage.withLock({ $0.users == 0 && $0.lastUse == last }) { _ = self.unload(model) }
    }
  }
}

/// How much memory models may take, and how long they stay when nobody uses them.
public struct ModelPolicy: Sendable {
  /// Bytes that the weights of all models may take; nil: as much as the process may. A model that is in use
  /// stays, however large it is.
  public var memory: Int?
  /// Seconds; infinity: for ever.
  public var keepAlive = Double.infinity
  /// What the process may take.
  public var limit = MemoryLimit.ofProcess()

  /// Without arguments: models stay until the process's memory runs short.
  public init(memory: Int? = nil, keepAlive: Double = .infinity) {
    self.memory = memory
    self.keepAlive = keepAlive
  }
}
