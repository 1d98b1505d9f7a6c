import AudioIO
import Riff
import Spectrogram
import Synchronization
import Testing

/// Jams on the bundled model in simulated time: what is painted and recovered is real, what it takes is said.
@Suite("A jam does not stutter, and changes are heard in time")
struct JamTimeTests {
  private let studio: Studio

  init() throws {
    self.studio = try Studio(
      models: [ModelLocation(name: "riff-mini", directory: TestPaths.bundledModel)], threads: 2,
      encoderName: "riffd test")
  }

  private struct Played {
    var sound: [Float] = []
    var changes: [(id: UInt32, sample: Int)] = []
    var warnings: [String] = []
    var done: JobSummary?
  }

  private func job(_ time: SimulatedTime, steps: Int = 12) -> JamJob {
    var request = GenerateJob(prompt: "")
    request.seed = 5
    request.steps = steps
    request.quality = .draft
    request.output = .pcmFloat32
    var job = JamJob(
      request, prompts: [WeightedPrompt("techno drum beat, 120 bpm")], inbox: JamInbox())
    job.time = time
    return job
  }

  private func play(_ job: JamJob) async throws -> Played {
    var played = Played()
    for try await event in self.studio.jam(job) {
      switch event {
      case .audio(let bytes):
        bytes.withUnsafeBytes { played.sound += $0.bindMemory(to: Float.self) }
      case .changed(let id, let sample): played.changes.append((id, sample))
      case .warning(let text): played.warnings.append(text)
      case .done(let done): played.done = done
      case .progress, .started, .spectrogram, .windowPicture: break
      }
    }
    return played
  }

  /// A step of denoising takes so many seconds; a round of recovery half a millisecond.
  private static func costs(step: Double) -> @Sendable (JamWork, Double) -> Double {
    { work, _ in Self.cost(work, step: step) }
  }

  private static func cost(_ work: JamWork, step: Double, round: Double = 0.000_5) -> Double {
    switch work {
    case .step: step
    case .otherPainting: 0.01
    case .recovery(let rounds): Double(rounds) * round
    }
  }

  private static let prompts = ["flute", "harp, 120 bpm", "slow jazz piano", "techno, 140 bpm"]

  private func change(_ id: UInt32) -> JamChange {
    var change = JamChange(id: id)
    change.prompts = [WeightedPrompt(Self.prompts[Int(id) % Self.prompts.count])]
    return change
  }

  /// Posts changes at times, and stops at the end.
  private func steer(_ job: JamJob, _ time: SimulatedTime, changes: [Double], until end: Double) {
    for (index, moment) in changes.enumerated() {
      let change = self.change(UInt32(index + 1))
      time.at(moment) { job.inbox.post(change) }
    }
    time.at(end) { job.inbox.stop() }
  }

  /// Seconds of the stream from each change's arrival to where it is heard, for somebody who plays from the
  /// first piece on.
  private func latencies(
    _ played: Played, _ time: SimulatedTime, changes: [Double]
  ) -> [Double] {
    let start = time.sent.first?.time ?? 0
    return played.changes.map { change in
      Double(change.sample) / 48_000 - (changes[Int(change.id) - 1] - start)
    }
  }

  @Test(
    "with time to spare, every change is heard within a second and a half, on a beat, without a gap"
  )
  func keepsUp() async throws {
    let time = SimulatedTime(Self.costs(step: 0.02))
    let job = self.job(time)
    let changes = [4.0, 7.3, 11.1, 14.7]
    self.steer(job, time, changes: changes, until: 19)
    let played = try await self.play(job)
    #expect(played.changes.map(\.id) == [1, 2, 3, 4])
    #expect(time.gaps.isEmpty, "\(time.gaps)")
    #expect(time.lead <= 0.5 + 1e-6)
    #expect(played.warnings.isEmpty, "\(played.warnings)")
    let latencies = self.latencies(played, time, changes: changes)
    #expect(latencies.allSatisfy { $0 <= 1.5 + 0.02 }, "\(latencies)")
    // Told the same, it plays the same.
    let again = SimulatedTime(Self.costs(step: 0.02))
    let other = self.job(again)
    self.steer(other, again, changes: changes, until: 19)
    #expect(try await self.play(other).sound == played.sound)
  }

  @Test("a change that takes three times as long as it should is heard later, and nothing stops")
  func slowPaint() async throws {
    let time = SimulatedTime { work, now in
      // About 0.5 s a window, and 1.6 s of those that begin then.
      Self.cost(work, step: (10.0..<11.5).contains(now) ? 0.13 : 0.04)
    }
    let job = self.job(time)
    self.steer(job, time, changes: [10], until: 16)
    let played = try await self.play(job)
    #expect(time.gaps.isEmpty, "\(time.gaps)")
    let late = try #require(self.latencies(played, time, changes: [10]).first)
    #expect(late > 1.5 && late < 3, "\(late)")
  }

  @Test("changes at any distance from the end of what is painted leave no gap")
  func everywhere() async throws {
    // More than half of the time goes into painting.
    let time = SimulatedTime(Self.costs(step: 0.17))
    let job = self.job(time)
    let changes = stride(from: 6.0, to: 40, by: 2.35).map { $0 }
    self.steer(job, time, changes: changes, until: 42)
    let played = try await self.play(job)
    #expect(time.gaps.isEmpty, "\(time.gaps)")
    #expect(played.changes.last?.id == UInt32(changes.count))
    #expect(time.lead <= 0.5 + 1e-6)
  }

  @Test("with less time it steps down before the sound stops, and up again, and says each once")
  func stepsDown() async throws {
    let time = SimulatedTime { work, now in
      Self.cost(work, step: (10.0..<30).contains(now) ? 0.35 : 0.03)
    }
    let job = self.job(time)
    self.steer(job, time, changes: [], until: 55)
    let played = try await self.play(job)
    #expect(time.gaps.isEmpty, "\(time.gaps)")
    #expect(played.warnings.first?.contains("no time for full quality") == true)
    #expect(played.warnings.last == "there is time for full quality again")
    #expect(played.warnings.count <= 3, "\(played.warnings)")
    #expect(Set(played.warnings).count == played.warnings.count)
  }

  @Test("where the sound itself is too much work, less of it is done before it stops")
  func draftPhases() async throws {
    let time = SimulatedTime { work, now in
      // 12 rounds for 0.16 s of sound.
      Self.cost(work, step: 0.02, round: (8.0..<20).contains(now) ? 0.025 : 0.000_5)
    }
    let job = self.job(time)
    self.steer(job, time, changes: [], until: 40)
    let played = try await self.play(job)
    #expect(time.gaps.isEmpty, "\(time.gaps)")
    #expect(
      played.warnings == [
        "there is no time for full quality: a third of the work goes into the sound",
        "there is time for full quality again",
      ])
  }

  @Test("a listener that plays slower or faster is followed", arguments: [0.9, 1.0, 1.1])
  func follows(speed: Double) async throws {
    let time = SimulatedTime(Self.costs(step: 0.02))
    let job = self.job(time)
    job.inbox.report(played: 0)
    // It plays what it has, from the first piece on, and says so ten times a second.
    let heard = Mutex(0.0)
    let furthest = Mutex(0.0)
    for tenth in 1...200 {
      time.at(Double(tenth) / 10) {
        let sent = Double(time.sent.last?.samples ?? 0) / 48_000
        let played = heard.withLock { heard in
          furthest.withLock { $0 = max($0, sent - heard) }
          heard = min(sent, heard + (sent > 0 ? speed / 10 : 0))
          return heard
        }
        job.inbox.report(played: UInt64(played * 48_000))
      }
    }
    time.at(20) { job.inbox.stop() }
    let played = try await self.play(job)
    #expect(played.done != nil)
    // Half a second, and what it is taken to have played since it last said so.
    #expect(furthest.withLock { $0 } <= 0.6 + 1e-6)
    let seconds = heard.withLock { $0 }
    #expect(abs(seconds - speed * (20 - (time.sent.first?.time ?? 0))) < 0.6)
  }

  @Test("a listener that has stopped playing is waited for, and after the idle limit the jam ends")
  func waits() async throws {
    let time = SimulatedTime(Self.costs(step: 0.02))
    let job = self.job(time)
    for tenth in 0...50 {
      time.at(Double(tenth) / 10) { job.inbox.report(played: UInt64(tenth) * 4_800) }
    }
    await #expect { _ = try await self.play(job) } throws: {
      ($0 as? JobError)?.kind == .abandoned
    }
    let last = try #require(time.sent.last)
    #expect(Double(last.samples) / 48_000 <= 5 + 1.01)
    #expect(abs(time.now - last.time - 300) < 1)
  }

  @Test("a stop is heard on a beat, with a fade, within a second and a half")
  func stops() async throws {
    let time = SimulatedTime(Self.costs(step: 0.1))
    let job = self.job(time)
    self.steer(job, time, changes: [9.8], until: 10)
    let played = try await self.play(job)
    let done = try #require(played.done)
    let start = try #require(time.sent.first?.time)
    let heard = Double(done.sampleCount) / 48_000 - (10 - start)
    #expect(heard > 0.2 && heard <= 1.5 + 0.02, "\(heard)")
    #expect(played.sound.count == done.sampleCount)
    #expect(played.sound.suffix(48).allSatisfy { abs($0) < 0.02 })
    #expect(time.gaps.isEmpty, "\(time.gaps)")
  }

  @Test("a daemon that is told to stop fades out at once")
  func closes() async throws {
    let time = SimulatedTime(Self.costs(step: 0.1))
    let job = self.job(time)
    time.at(10) { [studio] in studio.close() }
    let played = try await self.play(job)
    let done = try #require(played.done)
    let sent = time.sent.last { $0.time <= 10 }?.samples ?? 0
    #expect(done.sampleCount > sent && done.sampleCount <= sent + 24_000 + 9_600)
    #expect(played.sound.suffix(48).allSatisfy { abs($0) < 0.02 })
  }

  @Test("a cancelled jam ends without a word")
  func cancelled() async throws {
    let time = SimulatedTime(Self.costs(step: 0.1))
    let job = self.job(time)
    let events = self.studio.jam(job)
    time.at(6) { events.cancel() }
    await #expect(throws: CancellationError.self) {
      for try await event in events {
        if case .done = event { Issue.record("it is done") }
      }
    }
    #expect(time.now < 8)
  }
}
