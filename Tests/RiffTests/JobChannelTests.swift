import Riff
import Synchronization
import Testing

@Suite struct JobChannelTests {
  @Test func eventsArriveInOrderAndTheSequenceEnds() async throws {
    let channel = JobChannel()
    try WorkerThread.start {
      channel.finish(
        Result {
          for number in 0..<100 { try channel.send(.warning("\(number)")) }
        })
    }
    var received: [String] = []
    while let event = try await channel.next() {
      if case .warning(let text) = event { received.append(text) }
    }
    #expect(received == (0..<100).map(String.init))
  }

  /// A jam tells of each change that is refused, and who sends those need not read that.
  @Test func warningsThatNobodyTakesDoNotPileUp() async throws {
    let channel = JobChannel()
    for number in 0..<10_000 { try channel.send(.warning("\(number)")) }
    channel.finish(.success(()))
    var received: [String] = []
    while let event = try await channel.next() {
      if case .warning(let text) = event { received.append(text) }
    }
    #expect(received == (0..<JobChannel.mostEvents).map(String.init))
  }

  @Test func aProducerWaitsWhileTheListenerIsFarBehind() async throws {
    let channel = JobChannel()
    let sent = Atomic(0)
    let piece = [UInt8](repeating: 1, count: JobChannel.capacity / 2)
    try WorkerThread.start {
      channel.finish(
        Result {
          for _ in 0..<10 {
            try channel.send(.audio(piece))
            sent.add(1, ordering: .sequentiallyConsistent)
          }
        })
    }
    // Nothing is taken, so only what fits can have been sent, however long the producer had.
    try await Task.sleep(for: .milliseconds(200))
    let sentValue = sent.load(ordering: .sequentiallyConsistent)
    #expect(sentValue == 2)
    var bytes = 0
    while let event = try await channel.next() {
      if case .audio(let piece) = event { bytes += piece.count }
    }
    #expect(bytes == 10 * piece.count)
  }

  @Test func anEventLargerThanTheCapacityPasses() async throws {
    let channel = JobChannel()
    try WorkerThread.start {
      channel.finish(
        Result {
          for _ in 0..<3 {
            try channel.send(.spectrogram(Array(repeating: 0, count: 2 * JobChannel.capacity)))
          }
        })
    }
    var count = 0
    while try await channel.next() != nil { count += 1 }
    #expect(count == 3)
  }

  @Test func cancellingStopsAProducerThatWaitsForRoom() async throws {
    let channel = JobChannel()
    let ended = Atomic(false)
    try WorkerThread.start {
      let outcome = Result {
        while true { try channel.send(.audio(Array(repeating: 0, count: 100_000))) }
      }
      ended.store(true, ordering: .sequentiallyConsistent)
      channel.finish(outcome)
    }
    _ = try await channel.next()
    channel.cancel()
    await #expect(throws: CancellationError.self) { while try await channel.next() != nil {} }
    // The listener hears of the end only after the producer's.
    let endedValue = ended.load(ordering: .sequentiallyConsistent)
    #expect(endedValue)
  }

  @Test func cancellingTheListeningTaskStopsTheProducer() async throws {
    let channel = JobChannel()
    try WorkerThread.start {
      channel.finish(Result { while true { try channel.checkCancellation() } })
    }
    let listener = Task { try await channel.next() }
    listener.cancel()
    await #expect(throws: CancellationError.self) { try await listener.value }
  }
}
