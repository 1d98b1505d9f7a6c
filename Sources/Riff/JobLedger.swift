import Synchronization

/// The jobs of a ``Studio``, as `Status` reports them.
final class JobLedger: Sendable {
  private struct State {
    var nextID: UInt64 = 1
    var jobs: [JobRecord] = []
    var done: UInt64 = 0
    var cancelled: UInt64 = 0
    var failed: UInt64 = 0
  }

  private let state = Mutex(State())

  /// Enters a job and returns its number.
  ///
  /// - Throws: ``JobError`` of kind `resourceExhausted` when there are too many already.
  func open(method: String, title: String) throws(JobError) -> UInt64 {
    try self.state.withLock { state throws(JobError) in
      guard state.jobs.count < RequestLimits.jobs else {
        throw JobError(
          .resourceExhausted,
          "there are \(RequestLimits.jobs) jobs already; try again when some are done")
      }
      let id = state.nextID
      state.nextID += 1
      state.jobs.append(
        JobRecord(
          id: id, method: method, title: String(title.prefix(200)),
          progress: JobProgress(stage: .queued), started: .now))
      return id
    }
  }

  func update(_ id: UInt64, _ progress: JobProgress) {
    self.state.withLock { state in
      guard let index = state.jobs.firstIndex(where: { $0.id == id }) else { return }
      state.jobs[index].progress = progress
    }
  }

  /// Strikes a job off and counts how it ended, unless it has ended before.
  func close(_ id: UInt64, _ outcome: Result<Void, any Error>) {
    self.state.withLock { state in
      guard let index = state.jobs.firstIndex(where: { $0.id == id }) else { return }
      state.jobs.remove(at: index)
      switch outcome {
      case .success: state.done += 1
      case .failure(is CancellationError): state.cancelled += 1
      case .failure: state.failed += 1
      }
    }
  }

  func read() -> StudioStatus {
    self.state.withLock {
      StudioStatus(
        jobs: $0.jobs, jobsDone: $0.done, jobsCancelled: $0.cancelled, jobsFailed: $0.failed)
    }
  }
}
