import Riff
import Testing

extension Studio {
  /// Cancels the studio's only job, these events', when it tells of window `window`, and expects it to end
  /// without another event.
  func expectCancelling(_ events: JobEvents, atWindow window: Int) async throws {
    var (isCancelled, after) = (false, 0)
    await #expect(throws: CancellationError.self) {
      for try await event in events {
        if isCancelled { after += 1 }
        if case .progress(let progress) = event, progress.window == window, !isCancelled {
          isCancelled = true
          try self.cancel(job: events.id)
        }
      }
    }
    #expect(isCancelled && after == 0)
    #expect(self.status().jobs.isEmpty && self.status().jobsCancelled == 1)
  }
}
