/// A job that is queued or running.
public struct JobRecord: Sendable {
  /// Unique among the jobs of one ``Studio``.
  public var id: UInt64
  /// The method's name in `riff.proto`.
  public var method: String
  /// The first 200 characters of the prompt, or empty.
  public var title: String
  public var progress: JobProgress
  public var started: ContinuousClock.Instant
}

/// What a ``Studio`` is doing and has done.
public struct StudioStatus: Sendable {
  /// Jobs queued or running, oldest first.
  public var jobs: [JobRecord]
  public var jobsDone: UInt64
  public var jobsCancelled: UInt64
  public var jobsFailed: UInt64
  /// Bytes of uploads that lie in the spool now, and the most there may be.
  public var uploadBytes = 0
  public var uploadBytesLimit = 0
}
