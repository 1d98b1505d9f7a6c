import AudioIO
import Synchronization

/// A job whose upload is on its way: its request has been checked, it counts in `Status` and has its
/// place among the jobs. ``Studio/run(_:)`` begins it when the upload is complete; letting go of it
/// before ends it as cancelled.
public final class AdmittedJob: Sendable {
  /// Where the file's bytes go.
  public let upload: Upload

  /// The job's number.
  public var id: UInt64 { self.entry.id }

  /// Whether there must be a file.
  public var needsFile: Bool { self.job.needsFile }

  let job: any UploadJob
  private let sizeLimit: Int
  let entry: JobEntry
  private let ledger: JobLedger
  private let hasBegun = Atomic(false)

  init(_ job: some UploadJob, _ entry: JobEntry, ledger: JobLedger) {
    self.job = job
    self.upload = job.file
    self.sizeLimit = type(of: job).sizeLimit
    self.entry = entry
    self.ledger = ledger
  }

  deinit {
    // Once it has begun, its end is the studio's to tell.
    if !self.hasBegun.load(ordering: .acquiring) {
      self.ledger.close(self.entry.id, .failure(CancellationError()))
    }
  }

  /// Hands the job over to who runs it.
  func begin() { self.hasBegun.store(true, ordering: .releasing) }

  /// Takes the next bytes of the file.
  ///
  /// - Throws: ``JobError``: `invalidArgument` of `chunk` above the job's limit, or where the file's
  ///   beginning tells that it cannot be used; `resourceExhausted` where the budget of all uploads or
  ///   the disk is full.
  public func append(_ bytes: some Sequence<UInt8> & Sendable) async throws(JobError) {
    let before = self.upload.count
    try await self.upload.append(bytes, atMost: self.sizeLimit)
    self.ledger.metrics.receivedBytes(self.upload.count - before)
    // Of a large file; a small one is looked at when its job runs.
    if before < AudioFormat.length, self.upload.count >= AudioFormat.length {
      do {
        try self.job.check(beginning: self.upload.prefix(AudioFormat.length))
      } catch {
        throw JobError(error)
      }
    }
  }

  /// Ends the job because its upload failed.
  public func fail(_ error: any Error) {
    self.upload.release()
    self.ledger.close(
      self.entry.id, .failure(error is CancellationError ? error : JobError(error)))
  }
}
