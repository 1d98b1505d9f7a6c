import Cores
import Synchronization

/// The jobs of a ``Studio``: who is let in, and what `Status` reports of them.
final class JobLedger: Sendable {
  private struct Entered {
    var record: JobRecord
    let owner: UInt64
    let seat: Seat
    let channel: JobChannel
  }

  private struct State {
    var nextID: UInt64 = 1
    var jobs: [Entered] = []
    var done: UInt64 = 0
    var cancelled: UInt64 = 0
    var failed: UInt64 = 0
  }

  let admission: Admission
  let metrics = StudioMetrics()
  private let state = Mutex(State())

  init(_ admission: Admission) { self.admission = admission }

  /// Enters a job and gives it a number.
  ///
  /// - Throws: ``JobError`` of kind `resourceExhausted`, with the time to wait, when there are too many
  ///   already, of all callers or of this one, or too little memory.
  func open(
    method: String, title: String, seat: Seat, owner: UInt64
  ) throws(JobError) -> JobEntry {
    do throws(JobError) {
      return try self.enter(method: method, title: title, seat: seat, owner: owner)
    } catch {
      self.metrics.refused(method)
      throw error
    }
  }

  private func enter(
    method: String, title: String, seat: Seat, owner: UInt64
  ) throws(JobError) -> JobEntry {
    try self.state.withLock { state throws(JobError) in
      try self.admission.check(
        jobs: state.jobs.count, ofOwner: state.jobs.count { $0.owner == owner },
        nextEnd: state.jobs.compactMap { $0.seat.secondsLeft }.min())
      let entry = JobEntry(id: state.nextID, seat: seat, channel: JobChannel())
      state.nextID += 1
      let record = JobRecord(
        id: entry.id, method: method, title: String(title.prefix(200)),
        progress: JobProgress(stage: .queued), started: .now)
      state.jobs.append(
        Entered(record: record, owner: owner, seat: seat, channel: entry.channel))
      return entry
    }
  }

  func update(_ id: UInt64, _ progress: JobProgress) {
    self.state.withLock { state in
      guard let index = state.jobs.firstIndex(where: { $0.record.id == id }) else { return }
      state.jobs[index].record.progress = progress
    }
  }

  /// Tells a job to stop; false where there is none of that number.
  func cancel(_ id: UInt64) -> Bool {
    let job = self.state.withLock { state in state.jobs.first { $0.record.id == id } }
    job?.channel.cancel()
    job?.seat.cancel()
    return job != nil
  }

  /// Strikes a job off and counts how it ended, unless it has ended before.
  func close(_ id: UInt64, _ outcome: Result<Void, any Error>) {
    let end: StudioMetrics.End =
      switch outcome {
      case .success: .done
      case .failure(is CancellationError): .cancelled
      case .failure: .failed
      }
    // Its seat must not leave the line under this lock.
    let job = self.state.withLock { state -> Entered? in
      guard let index = state.jobs.firstIndex(where: { $0.record.id == id }) else { return nil }
      switch end {
      case .done: state.done += 1
      case .cancelled: state.cancelled += 1
      case .failed: state.failed += 1
      }
      return state.jobs.remove(at: index)
    }
    guard let job else { return }
    self.metrics.ended(job.record.method, end, after: .now - job.record.started)
  }

  func read() -> StudioStatus {
    let (jobs, counts) = self.state.withLock { state in
      (state.jobs, (state.done, state.cancelled, state.failed))
    }
    var status = StudioStatus(
      jobs: jobs.map { job in
        var record = job.record
        if record.progress.stage == .queued { record.progress.queuePosition = job.seat.ahead }
        record.progress.secondsLeft = job.seat.secondsLeft
        return record
      }, jobsDone: counts.0, jobsCancelled: counts.1, jobsFailed: counts.2)
    status.jobsLimit = self.admission.jobs
    status.jobsLimitPerConnection = self.admission.jobsPerConnection
    return status
  }
}
