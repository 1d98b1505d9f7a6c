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

  /// Where uploads lie until their job has read them.
  public let uploads: UploadSpool

  let engine: Engine
  let catalog: ModelCatalog
  let queue = JobQueue()
  private let ledger = JobLedger()

  /// - Parameters:
  ///   - models: The first is the default. Their folders are read when they are first used.
  ///   - threads: 1 to 1,024.
  ///   - uploads: Where uploads lie.
  /// - Throws: ``JobError`` when the system has no threads to give.
  public init(
    models: [ModelLocation], threads: Int, encoderName: String,
    uploads: UploadSpool = UploadSpool()
  ) throws(JobError) {
    do {
      self.engine = try Engine(threads: threads)
    } catch {
      throw JobError(error)
    }
    self.catalog = ModelCatalog(models, engine: self.engine)
    self.encoderName = encoderName
    self.uploads = uploads
  }

  // What is wrong with a request, and a studio that is full, end the events at once: such a job is
  // not entered. `faults` are those that whoever translated the request has found.

  /// Text to audio. The job begins at once; letting go of the events ends it.
  public func generate(
    _ job: GenerateJob, faults: RequestFaults = RequestFaults()
  ) -> JobEvents { self.start(job, faults) }

  /// A clip or picture painted over by what a prompt says, to audio.
  public func remix(_ job: RemixJob) -> JobEvents { self.start(job) }

  /// A spectrogram picture to audio.
  public func render(_ job: RenderJob) -> JobEvents { self.start(job) }

  // The same jobs with uploads that are on their way.

  /// - Throws: ``JobError`` with all that is wrong with the request, or when the studio is full.
  public func admit(
    _ job: RemixJob, faults: RequestFaults = RequestFaults()
  ) throws(JobError) -> AdmittedJob {
    try AdmittedJob(job, id: self.enter(job, faults), ledger: self.ledger)
  }

  /// - Throws: ``JobError`` with all that is wrong with the request, or when the studio is full.
  public func admit(
    _ job: RenderJob, faults: RequestFaults = RequestFaults()
  ) throws(JobError) -> AdmittedJob {
    try AdmittedJob(job, id: self.enter(job, faults), ledger: self.ledger)
  }

  /// - Throws: ``JobError`` with all that is wrong with the request, or when the studio is full.
  public func admit(
    _ job: AnalyzeJob, faults: RequestFaults = RequestFaults()
  ) throws(JobError) -> AdmittedJob {
    try AdmittedJob(job, id: self.enter(job, faults), ledger: self.ledger)
  }

  /// Begins an admitted job, whose upload is complete; letting go of the events ends it.
  public func run(_ admitted: AdmittedJob) -> JobEvents {
    let channel = JobChannel()
    admitted.begin()
    self.start(admitted.job, id: admitted.id, channel)
    return JobEvents(channel)
  }

  /// An audio file to a spectrogram picture: a PNG file with its parameters in EXIF.
  ///
  /// - Throws: ``JobError``, or `CancellationError` when the task is cancelled.
  public func analyze(_ job: AnalyzeJob) async throws -> Analysis {
    try await Analysis(self.start(job))
  }

  /// The models there are, the default first. Opens the files of those that were not used yet.
  public func models() async throws(JobError) -> [ModelDescription] {
    try await WorkerThread.run { self.catalog.models.map { $0.describe() } }
  }

  /// What is going on now.
  public func status() -> StudioStatus {
    var status = self.ledger.read()
    status.uploadBytes = self.uploads.bytes
    status.uploadBytesLimit = self.uploads.limit
    return status
  }

  /// Checks a job's request and enters the job.
  private func enter(_ job: some Job, _ faults: RequestFaults) throws(JobError) -> UInt64 {
    var faults = faults
    job.check(&faults, in: self)
    try faults.throwIfAny()
    return try self.ledger.open(method: job.method, title: job.title)
  }

  private func start(_ job: some Job, _ faults: RequestFaults = RequestFaults()) -> JobEvents {
    let channel = JobChannel()
    do throws(JobError) {
      self.start(job, id: try self.enter(job, faults), channel)
    } catch {
      channel.finish(.failure(error))
    }
    return JobEvents(channel)
  }

  private func start(_ job: any Job, id: UInt64, _ channel: JobChannel) {
    let end: @Sendable (Result<Void, any Error>) -> Void = { [ledger] outcome in
      let outcome = outcome.mapError { $0 is CancellationError ? $0 : JobError($0) }
      (job as? any UploadJob)?.file.release()
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
  }
}
