import AudioIO

/// A piece of work for a ``Studio``: blocking code on a worker thread that sends events.
protocol Job: Sendable {
  /// The method's name in `riff.proto`.
  var method: String { get }
  /// A line for `Status`.
  var title: String { get }

  /// Notes what is wrong with the request, as far as that can be told without reading a model's
  /// weights or the upload.
  func check(_ faults: inout RequestFaults, in studio: Studio)

  /// Does the work. Throws ``JobError``, or `CancellationError` from the context's calls.
  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary
}

/// A job on a file that comes with its request.
protocol UploadJob: Job {
  /// The file; it may be still on its way when the job is admitted, not when it runs.
  var file: Upload { get }
  /// Bytes that the file may have.
  static var sizeLimit: Int { get }

  /// Whether there must be one.
  var needsFile: Bool { get }

  /// Looks at the first bytes of a file of which more is to come.
  ///
  /// - Throws: ``JobError`` where they tell already that it cannot be used.
  func check(beginning bytes: [UInt8]) throws(JobError)
}

extension UploadJob {
  var needsFile: Bool { true }

  func check(beginning bytes: [UInt8]) throws(JobError) {}

  static func checkSound(_ bytes: [UInt8]) throws(JobError) {
    do {
      try AudioFormat.check(beginning: bytes)
    } catch {
      throw JobError(error)
    }
  }
}
