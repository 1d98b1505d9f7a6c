import Cores
import Diffusion
import Synchronization

/// Where jobs run: the models, the engine that they take turns at, and the list of what is going on.
public final class Studio: Sendable {
  /// Threads that compute.
  public var threads: Int { self.engine.threads }
  /// What names the program in the files it makes, "riffd 1.0".
  public let encoderName: String

  /// Where uploads lie until their job has read them.
  public let uploads: UploadSpool

  let engine: Engine
  let catalog: ModelCatalog
  let shelf: ModelShelf
  let loras: LoRACatalog
  let paces: Paces
  private let ledger: JobLedger
  private let closing = Atomic(false)

  /// - Parameters:
  ///   - models: The first is the default. Their folders are read when they are first used.
  ///   - loras: What requests may name besides.
  ///   - threads: 1 to 1,024.
  ///   - encoderName: What the files it makes name as their program, "riffd 1.0".
  ///   - uploads: Where uploads lie.
  ///   - admission: Who is let in.
  ///   - modelPolicy: Which models stay in memory.
  /// - Throws: ``JobError`` when the system has no threads to give.
  public init(
    models: [ModelLocation], loras: [LoRALocation] = [], threads: Int, encoderName: String,
    uploads: UploadSpool = UploadSpool(), admission: Admission = Admission(),
    modelPolicy: ModelPolicy = ModelPolicy()
  ) throws(JobError) {
    do {
      self.engine = try Engine(threads: threads)
    } catch {
      throw JobError(error)
    }
    self.loras = LoRACatalog(loras)
    self.catalog = ModelCatalog(models, loras: self.loras)
    self.encoderName = encoderName
    self.uploads = uploads
    self.ledger = JobLedger(admission)
    self.paces = Paces(metrics: self.ledger.metrics)
    self.shelf = ModelShelf(self.catalog.models, engine: self.engine, policy: modelPolicy)
  }

  // What is wrong with a request, and a studio that is full, end the events at once: such a job is
  // not entered. `faults` are those that whoever translated the request has found; `owner` is the
  // connection that it came by: connections get equal shares of the cores.

  /// Text to audio. The job begins at once; letting go of the events ends it.
  public func generate(
    _ job: GenerateJob, faults: RequestFaults = RequestFaults(), owner: UInt64 = 0
  ) -> JobEvents { self.start(job, faults, owner) }

  /// A clip or picture painted over by what a prompt says, to audio.
  public func remix(_ job: RemixJob, owner: UInt64 = 0) -> JobEvents {
    self.start(job, RequestFaults(), owner)
  }

  /// Clips in a row that turn from one prompt into another, to audio.
  public func morph(_ job: MorphJob, owner: UInt64 = 0) -> JobEvents {
    self.start(job, RequestFaults(), owner)
  }

  /// A spectrogram picture to audio.
  public func render(_ job: RenderJob, owner: UInt64 = 0) -> JobEvents {
    self.start(job, RequestFaults(), owner)
  }

  /// Music without an end. What its caller says meanwhile comes by the job's inbox.
  public func jam(
    _ job: JamJob, faults: RequestFaults = RequestFaults(), owner: UInt64 = 0
  ) -> JobEvents { self.start(job, faults, owner) }

  /// Gives the memory that ended work left, and that the next would take up again, back to the system:
  /// for when nothing is left to do. Models stay.
  public func returnMemory() { self.engine.returnMemory() }

  /// Ends what has no end by itself, as if its callers had: the daemon is told to stop.
  public func close() { self.closing.store(true, ordering: .releasing) }

  var isClosing: Bool { self.closing.load(ordering: .acquiring) }

  // The same jobs with uploads that are on their way.

  /// - Throws: ``JobError`` with all that is wrong with the request, or when the studio is full.
  public func admit(
    _ job: RemixJob, faults: RequestFaults = RequestFaults(), owner: UInt64 = 0
  ) throws(JobError) -> AdmittedJob {
    try AdmittedJob(job, self.enter(job, faults, owner), ledger: self.ledger)
  }

  /// - Throws: ``JobError`` with all that is wrong with the request, or when the studio is full.
  public func admit(
    _ job: MorphJob, faults: RequestFaults = RequestFaults(), owner: UInt64 = 0
  ) throws(JobError) -> AdmittedJob {
    try AdmittedJob(job, self.enter(job, faults, owner), ledger: self.ledger)
  }

  /// - Throws: ``JobError`` with all that is wrong with the request, or when the studio is full.
  public func admit(
    _ job: RenderJob, faults: RequestFaults = RequestFaults(), owner: UInt64 = 0
  ) throws(JobError) -> AdmittedJob {
    try AdmittedJob(job, self.enter(job, faults, owner), ledger: self.ledger)
  }

  /// - Throws: ``JobError`` with all that is wrong with the request, or when the studio is full.
  public func admit(
    _ job: AnalyzeJob, faults: RequestFaults = RequestFaults(), owner: UInt64 = 0
  ) throws(JobError) -> AdmittedJob {
    try AdmittedJob(job, self.enter(job, faults, owner), ledger: self.ledger)
  }

  /// Begins an admitted job, whose upload is complete; letting go of the events ends it.
  public func run(_ admitted: AdmittedJob) -> JobEvents {
    admitted.begin()
    return self.start(admitted.job, admitted.entry)
  }

  /// An audio file to a spectrogram picture: a PNG file with its parameters in EXIF.
  ///
  /// - Throws: ``JobError``, or `CancellationError` when the task is cancelled.
  public func analyze(_ job: AnalyzeJob, owner: UInt64 = 0) async throws -> Analysis {
    try await Analysis(self.start(job, RequestFaults(), owner))
  }

  /// The models there are, the default first. Opens the files of those that were not used yet.
  ///
  /// - Throws: ``JobError`` when the system has no thread for it; a model's own faults are in its description.
  public func models() async throws(JobError) -> [ModelDescription] {
    try await WorkerThread.run { self.catalog.models.map { $0.describe() } }
  }

  /// Units of work so far that were done in another job's turn.
  package var sharedUnits: Int { self.engine.sharedUnits }

  /// The LoRAs that jobs may name. Opens their files.
  public func knownLoRAs() async throws(JobError) -> [LoRADescription] {
    try await WorkerThread.run { self.loras.describe() }
  }

  /// Bytes that the weights of each model take in memory now, the default's first; 0 where they are not
  /// there.
  public func residentModels() async throws(JobError) -> [(name: String, bytes: Int)] {
    try await WorkerThread.run {
      self.catalog.models.map { ($0.name, $0.current?.residentBytes ?? 0) }
    }
  }

  /// What is going on now.
  public func status() -> StudioStatus {
    var status = self.ledger.read()
    status.uploadBytes = self.uploads.bytes
    status.uploadBytesLimit = self.uploads.limit
    status.paces = self.paces.models().map { pace in
      var pace = pace
      pace.precision =
        self.catalog.models.first { $0.name == pace.model }?.current
        .map { PrecisionChoice($0.precision) }
      return pace
    }
    return status
  }

  /// Reads a model's weights before they are needed.
  public func load(_ job: LoadModelJob, owner: UInt64 = 0) -> JobEvents {
    self.start(job, RequestFaults(), owner)
  }

  /// Lets a model's weights go; jobs that work with it go on, and the memory is free when the last of
  /// them ends.
  ///
  /// - Returns: bytes that they took; 0 where they were not in memory.
  /// - Throws: ``JobError`` of kind `notFound`.
  public func unload(model name: String) async throws(JobError) -> Int {
    let model = try self.catalog.model(named: name)
    return try await WorkerThread.run { self.shelf.unload(model) }
  }

  /// Ends a job as if its caller had cancelled the call.
  ///
  /// - Throws: ``JobError`` of kind `notFound` where there is no such job (any more).
  public func cancel(job id: UInt64) throws(JobError) {
    guard self.ledger.cancel(id) else {
      throw JobError(
        .notFound(field: "job_id"), "there is no job \(id); it may have ended already")
    }
  }

  /// Checks a job's request and enters the job.
  private func enter(
    _ job: some Job, _ faults: RequestFaults, _ owner: UInt64
  ) throws(JobError) -> JobEntry {
    var faults = faults
    job.check(&faults, in: self)
    try faults.throwIfAny()
    return try self.ledger.open(
      method: job.method, title: job.title, seat: self.engine.seat(owner: owner), owner: owner)
  }

  private func start(
    _ job: some Job, _ faults: RequestFaults, _ owner: UInt64
  ) -> JobEvents {
    do throws(JobError) {
      return self.start(job, try self.enter(job, faults, owner))
    } catch {
      let channel = JobChannel()
      channel.finish(.failure(error))
      return JobEvents(channel)
    }
  }

  private func start(_ job: any Job, _ entry: JobEntry) -> JobEvents {
    let channel = entry.channel
    let end: @Sendable (Result<Void, any Error>) -> Void = { [ledger] outcome in
      let outcome = outcome.mapError { $0 is CancellationError ? $0 : JobError($0) }
      (job as? any UploadJob)?.file.release()
      ledger.close(entry.id, outcome)
      channel.finish(outcome)
    }
    do {
      try WorkerThread.start {
        let context = JobContext(entry, ledger: self.ledger)
        end(
          Result {
            try channel.withCancellationWake({ entry.seat.cancel() }) {
              var summary = try job.run(context, in: self)
              summary.timings = context.timings
              summary.id = entry.id
              try context.send(.done(summary))
            }
          })
      }
    } catch {
      end(.failure(error))
    }
    return JobEvents(channel, id: entry.id)
  }
}
