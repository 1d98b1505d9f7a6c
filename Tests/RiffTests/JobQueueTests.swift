import Riff
import Synchronization
import Testing

@Suite struct JobQueueTests {
  /// Starts a job that holds the turn until `release` is called on the channel that is returned.
  private func hold(_ queue: JobQueue) async throws -> JobChannel {
    let channel = JobChannel()
    try WorkerThread.start {
      channel.finish(
        Result {
          try queue.withTurn(of: channel) {
          } _: {
            try channel.send(.warning("has the turn"))
            while true { try channel.checkCancellation() }
          }
        })
    }
    _ = try await channel.next()
    return channel
  }

  private func wait(
    in queue: JobQueue, _ body: @escaping @Sendable () -> Void
  ) async throws -> JobChannel {
    let channel = JobChannel()
    try WorkerThread.start {
      channel.finish(
        Result {
          try queue.withTurn(of: channel) {
            try channel.send(.warning("waits"))
          } _: {
            body()
          }
        })
    }
    _ = try await channel.next()
    return channel
  }

  @Test func jobsTakeTurnsInTheOrderTheyCame() async throws {
    let queue = JobQueue()
    let order = Mutex<[Int]>([])
    let first = try await self.hold(queue)
    var others: [JobChannel] = []
    for number in 0..<5 {
      others.append(try await self.wait(in: queue) { order.withLock { $0.append(number) } })
    }
    #expect(order.withLock { $0 }.isEmpty)
    first.cancel()
    for channel in others { #expect(try await channel.next() == nil) }
    #expect(order.withLock { $0 } == [0, 1, 2, 3, 4])
  }

  @Test func aCancelledJobLeavesTheLine() async throws {
    let queue = JobQueue()
    let ran = Atomic(false)
    let first = try await self.hold(queue)
    let second = try await self.wait(in: queue) {
      ran.store(true, ordering: .sequentiallyConsistent)
    }
    let third = try await self.wait(in: queue) {}
    second.cancel()
    await #expect(throws: CancellationError.self) { try await second.next() }
    first.cancel()
    #expect(try await third.next() == nil)
    let ranValue = ran.load(ordering: .sequentiallyConsistent)
    #expect(!ranValue)
  }

  @Test func theLineIsBounded() async throws {
    let queue = JobQueue()
    let first = try await self.hold(queue)
    var waiting: [JobChannel] = []
    for _ in 0..<JobQueue.capacity { waiting.append(try await self.wait(in: queue) {}) }
    let refused = JobChannel()
    #expect {
      try queue.withTurn(of: refused, onWait: {}) {}
    } throws: {
      ($0 as? JobError)?.kind == .resourceExhausted
    }
    first.cancel()
    for channel in waiting { #expect(try await channel.next() == nil) }
  }
}
