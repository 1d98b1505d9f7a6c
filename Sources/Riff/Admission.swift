/// Who is let in: one bound on jobs of every kind, of all callers and of each connection, and on memory.
public struct Admission: Sendable {
  /// Jobs that may be there at once, receiving their upload, waiting or running, of all callers.
  public var jobs = RequestLimits.jobs
  /// The same of one connection, so that no caller can take all places.
  public var jobsPerConnection = RequestLimits.jobsPerConnection
  /// What the process may take.
  public var memory = MemoryLimit.ofProcess()

  /// Bytes that a job may take besides its model, as a rule.
  static let bytesPerJob = 64 << 20

  /// riffd's own: ``RequestLimits``, and what the system lets this process have.
  public init() {}

  /// - Parameters:
  ///   - jobs: that there are.
  ///   - ofOwner: those of the caller's connection.
  ///   - nextEnd: seconds until one of them is done, as far as that is known.
  /// - Throws: ``JobError`` of kind `resourceExhausted` with the time to wait.
  package func check(jobs: Int, ofOwner: Int, nextEnd: Double?) throws(JobError) {
    let message: String
    if jobs >= self.jobs {
      message = "there are \(self.jobs) jobs already, as many as there may be at once"
    } else if ofOwner >= self.jobsPerConnection {
      message =
        "this connection has \(self.jobsPerConnection) jobs already, as many as one may have at once"
    } else if let room = self.memory.room(), room < Self.bytesPerJob {
      message =
        "only \(max(room, 0) >> 20) MiB of memory are left, and a job may take "
        + "\(Self.bytesPerJob >> 20) MiB"
    } else {
      return
    }
    var error = JobError(.resourceExhausted, "\(message); try again later")
    error.retryDelay = min(max(nextEnd ?? 5, 0.5), 60)
    throw error
  }
}
