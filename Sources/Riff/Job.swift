/// A piece of work for a ``Studio``: blocking code on a worker thread that sends events.
protocol Job: Sendable {
  /// The method's name in `riff.proto`.
  var method: String { get }
  /// A line for `Status`.
  var title: String { get }

  /// Does the work. Throws ``JobError``, or `CancellationError` from the context's calls.
  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary
}
