/// A running job as an asynchronous sequence of its events, for one listener.
///
/// Cancelling the listening task, calling ``cancel()`` or letting go of the sequence stops the job
/// within a layer of its model; iteration then throws `CancellationError`. Failures are thrown as
/// ``JobError``.
public struct JobEvents: AsyncSequence, Sendable {
  public typealias Element = JobEvent

  /// Stops the job when nobody can listen any more.
  fileprivate final class Lifetime: Sendable {
    let channel: JobChannel
    init(_ channel: JobChannel) { self.channel = channel }
    deinit { self.channel.cancel() }
  }

  private let lifetime: Lifetime

  /// The job's number; 0 of one that was not let in.
  public let id: UInt64

  init(_ channel: JobChannel, id: UInt64 = 0) {
    self.id = id
    self.lifetime = Lifetime(channel)
  }

  /// Stops the job.
  public func cancel() {
    self.lifetime.channel.cancel()
  }

  /// Takes the events, one after another; only one iterator may do so.
  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let lifetime: Lifetime

    /// The next event; nil after the last. Waits while there is none.
    ///
    /// - Throws: ``JobError``, or `CancellationError` where the job was stopped.
    public mutating func next() async throws -> JobEvent? {
      try await self.lifetime.channel.next()
    }
  }

  /// To be called once: events are not repeated.
  public func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(lifetime: self.lifetime)
  }
}
