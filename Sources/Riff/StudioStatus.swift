/// A job that is queued or running.
public struct JobRecord: Sendable {
  /// Unique among the jobs of one ``Studio``.
  public var id: UInt64
  /// The method's name in `riff.proto`.
  public var method: String
  /// The first 200 characters of the prompt, or empty.
  public var title: String
  /// As the job last reported it.
  public var progress: JobProgress
  /// When it was asked for.
  public var started: ContinuousClock.Instant
}

/// What a ``Studio`` is doing and has done.
public struct StudioStatus: Sendable {
  /// Jobs queued or running, oldest first.
  public var jobs: [JobRecord]
  /// That ended well, since the studio was made.
  public var jobsDone: UInt64
  /// That were stopped: by ``Studio/cancel(job:)``, or because nobody listened any more.
  public var jobsCancelled: UInt64
  /// That ended with an error.
  public var jobsFailed: UInt64
  /// Bytes of uploads that lie in the spool now.
  public var uploadBytes = 0
  /// Bytes that uploads may take in the spool.
  public var uploadBytesLimit = 0
  /// Jobs that may be there at once, of all callers.
  public var jobsLimit = 0
  /// Jobs that one connection may have at once.
  public var jobsLimitPerConnection = 0
  /// Of models that have worked.
  public var paces: [ModelPace] = []
}

/// How fast a model works.
public struct ModelPace: Sendable, Equatable {
  /// As requests name it.
  public var model: String
  /// Median of the last denoising steps, for pictures of ``width`` pixels.
  public var stepSeconds: Double
  /// Pixels of the pictures that ``stepSeconds`` is about.
  public var width: Int
  /// Seconds of sound made in a second of computing, last job; 0 before the first was done.
  public var realTimeFactor: Double
  /// What its U-Net is computed in; nil where the model is not in memory now.
  public var precision: PrecisionChoice?
}
