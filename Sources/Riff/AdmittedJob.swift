/// A job whose upload is on its way: its request has been checked, it counts in `Status` and has its
/// place among the jobs. ``Studio/run(_:)`` begins it when the upload is complete; letting go of it
/// before ends it as cancelled.
public final class AdmittedJob: Sendable {
  /// Where the file's bytes go.
  public let upload: Upload

  /// The job's number.
  public var id: UInt64 { self.entry.id }

  let job: any Job
  private let sizeLimit: Int
  let entry: JobEntry
  private let ledger: JobLedger

  init(_ job: some UploadJob, _ entry: JobEntry, ledger: JobLedger) {
    self.job = job
    self.upload = job.file
    self.sizeLimit = type(of: job).sizeLimit
    self.entry = entry
    self.ledger = ledger
  }

  deinit { self.ledger.close(self.entry.id, .failure(CancellationError())) }

  /// Takes the next bytes of the file.
  ///
  /// - Throws: ``JobError``: `invalidArgument` of `chunk` above the job's limit, `resourceExhausted`
  ///   where the budget of all uploads or the disk is full.
  public func append(_ bytes: some Sequence<UInt8> & Sendable) async throws(JobError) {
    try await self.upload.append(bytes, atMost: self.sizeLimit)
  }

  /// Ends the job because its upload failed.
  public func fail(_ error: any Error) {
    self.upload.release()
    self.ledger.close(
      self.entry.id, .failure(error is CancellationError ? error : JobError(error)))
  }
}
