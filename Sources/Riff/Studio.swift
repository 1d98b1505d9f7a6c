import Cores

/// Where jobs run: the models, the queue for the cores, and the list of what is going on.
///
/// Jobs of one studio share its models; one of them denoises at a time, the others wait in order,
/// while phase recovery and encoding of different jobs go on side by side.
public final class Studio: Sendable {
  /// Threads that compute.
  public var threads: Int { self.engine.threads }
  /// What names the program in the files it makes, "riffd 1.0".
  public let encoderName: String

  let engine: Engine
  let catalog: ModelCatalog
  let queue = JobQueue()
  private let ledger = JobLedger()

  /// - Parameters:
  ///   - models: The first is the default. Their folders are read when they are first used.
  ///   - threads: 1 to 1,024.
  ///   - report: Told what of a model's files is passed over, when they are opened.
  /// - Throws: ``JobError`` when the system has no threads to give.
  public init(
    models: [ModelLocation], threads: Int, encoderName: String,
    report: @escaping @Sendable (String) -> Void = { _ in }
  ) throws(JobError) {
    do {
      self.engine = try Engine(threads: threads)
    } catch {
      throw JobError(error)
    }
    self.catalog = ModelCatalog(models, engine: self.engine, report: report)
    self.encoderName = encoderName
  }

  /// Text to audio. The job begins at once; letting go of the events ends it.
  public func generate(_ job: GenerateJob) -> JobEvents { self.start(job) }

  /// A clip or picture painted over by what a prompt says, to audio.
  public func remix(_ job: RemixJob) -> JobEvents { self.start(job) }

  /// A spectrogram picture to audio.
  public func render(_ job: RenderJob) -> JobEvents { self.start(job) }

  /// An audio file to a spectrogram picture: a PNG file with its parameters in EXIF.
  ///
  /// - Throws: ``JobError``, or `CancellationError` when the task is cancelled.
  public func analyze(_ job: AnalyzeJob) async throws -> [UInt8] {
    var png: [UInt8]?
    for try await event in self.start(job) {
      if case .spectrogram(let bytes) = event { png = bytes }
    }
    guard let png else { throw JobError(.internal, "the analysis ended without a picture") }
    return png
  }

  /// The models there are, the default first. Opens those that were not used yet.
  public func models() async throws(JobError) -> [ModelDescription] {
    try await WorkerThread.run { self.catalog.models.map { $0.describe() } }
  }

  /// What is going on now.
  public func status() -> StudioStatus { self.ledger.read() }

  private func start(_ job: some Job) -> JobEvents {
    let channel = JobChannel()
    let id = self.ledger.open(method: job.method, title: job.title)
    let end: @Sendable (Result<Void, any Error>) -> Void = { [ledger] outcome in
      let outcome = outcome.mapError { $0 is CancellationError ? $0 : JobError($0) }
      ledger.close(id, outcome)
      channel.finish(outcome)
    }
    do {
      try WorkerThread.start {
        let context = JobContext(id: id, channel: channel, ledger: self.ledger)
        end(
          Result {
            var summary = try job.run(context, in: self)
            summary.timings = context.timings
            try context.send(.done(summary))
          })
      }
    } catch {
      end(.failure(error))
    }
    return JobEvents(channel)
  }
}
