import AudioIO
import Riff
import Spectrogram
import Synchronization
import Testing

/// Jobs side by side on the bundled model.
@Suite struct CrowdTests {
  private static let model = [ModelLocation(name: "riff-mini", directory: TestPaths.bundledModel)]

  private func job(_ seed: UInt64, seconds: Double = 2) -> GenerateJob {
    var job = GenerateJob(prompt: "a violin solo")
    job.seed = seed
    job.steps = 3
    job.durationSeconds = seconds
    job.output = .pcmFloat32
    job.wantSpectrogram = true
    return job
  }

  private struct Made: Equatable {
    var picture: [UInt8] = []
    var sound: [UInt8] = []
  }

  private static func made(_ events: JobEvents) async throws -> Made {
    var made = Made()
    for try await event in events {
      switch event {
      case .spectrogram(let bytes): made.picture = bytes
      case .audio(let bytes): made.sound += bytes
      default: break
      }
    }
    return made
  }

  @Test func aJobMakesTheSameBytesAloneAndInACrowd() async throws {
    let studio = try Studio(models: Self.model, threads: 2, encoderName: "riffd test")
    let alone = try await Self.made(studio.generate(self.job(7)))
    #expect(!alone.picture.isEmpty && !alone.sound.isEmpty)
    let crowd = try await withThrowingTaskGroup(of: (UInt64, Made).self) { group in
      for number in 0..<9 as Range<UInt64> {
        let job = self.job(number % 3 == 0 ? 7 : number, seconds: number % 2 == 0 ? 2 : 5)
        group.addTask { (number, try await Self.made(studio.generate(job, owner: number % 4))) }
      }
      return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
    }
    for number in [0, 6] as [UInt64] { #expect(crowd[number] == alone) }
    #expect(crowd[2] != alone)
  }

  /// Jobs that differ in all that a request may say, of unequal connections.
  private func unlikeJob(_ number: Int) -> GenerateJob {
    var job = self.job(UInt64(number), seconds: [2, 5.12, 2, 11][number % 4])
    job.prompt =
      ["a violin solo", "techno drum beat, 120 bpm", "church bells (loud:1.4)"][number % 3]
    job.negativePrompt = number % 2 == 0 ? "" : "drums"
    job.steps = 4 + 3 * (number % 3)
    job.guidanceScale = number % 4 == 3 ? 1 : 4
    job.scheduler = ["", "euler-a", "dpm++2m"][number % 3]
    return job
  }

  @Test("bytes do not depend on how many others there are", arguments: [2, 3, 5, 8])
  func crowdsOf(size: Int) async throws {
    let studio = try Studio(models: Self.model, threads: 2, encoderName: "riffd test")
    var alone: [Made] = []
    for number in 0..<size {
      alone.append(try await Self.made(studio.generate(self.unlikeJob(number))))
    }
    #expect(studio.sharedUnits == 0)
    let crowd = try await withThrowingTaskGroup(of: (Int, Made).self) { group in
      for number in 0..<size {
        let job = self.unlikeJob(number)
        group.addTask {
          (number, try await Self.made(studio.generate(job, owner: UInt64(number % 3))))
        }
      }
      return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
    }
    for number in 0..<size {
      #expect(!alone[number].picture.isEmpty && !alone[number].sound.isEmpty)
      #expect(crowd[number] == alone[number], "\(number)")
    }
  }

  /// Eight of a kind, of which some are cancelled on the way: the others' bytes stay.
  @Test func whoLeavesACrowdChangesNobodysBytes() async throws {
    let studio = try Studio(models: Self.model, threads: 2, encoderName: "riffd test")
    func job(_ number: Int) -> GenerateJob {
      var job = self.job(UInt64(number))
      job.steps = 12
      return job
    }
    var alone: [Made] = []
    for number in 0..<3 { alone.append(try await Self.made(studio.generate(job(number)))) }
    let crowd = try await withThrowingTaskGroup(of: (Int, Made?).self) { group in
      for number in 0..<8 {
        let job = job(number)
        group.addTask {
          let events = studio.generate(job, owner: UInt64(number))
          guard number >= 3 else { return (number, try await Self.made(events)) }
          await #expect(throws: CancellationError.self) {
            for try await event in events {
              if case .progress(let progress) = event, progress.stage == .denoising,
                progress.step >= number
              {
                try? studio.cancel(job: events.id)
              }
            }
          }
          return (number, nil)
        }
      }
      return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
    }
    for number in 0..<3 { #expect(crowd[number] == alone[number]) }
    #expect(studio.status().jobs.isEmpty && studio.status().jobsCancelled == 5)
    #if arch(x86_64)
      // Elsewhere products are OpenBLAS's, whose rows depend on each other.
      #expect(studio.sharedUnits > 0)
    #endif
  }

  @Test func aQueueOverItsBoundRefusesWithTheTimeToWait() async throws {
    var admission = Admission()
    admission.jobs = 3
    admission.jobsPerConnection = 2
    let studio = try Studio(
      models: Self.model, threads: 1, encoderName: "riffd test", admission: admission)
    var long = self.job(1)
    long.steps = 1_000
    let first = studio.generate(long, owner: 1)
    let second = studio.generate(long, owner: 1)
    let third = try await #require(throws: JobError.self) {
      _ = try await Self.made(studio.generate(long, owner: 1))
    }
    #expect(third.kind == .resourceExhausted && (third.retryDelay ?? 0) > 0)
    #expect(third.message.contains("connection"))
    // Another connection still finds a place, and then nobody does.
    let other = studio.generate(long, owner: 2)
    let fifth = try await #require(throws: JobError.self) {
      _ = try await Self.made(studio.generate(long, owner: 3))
    }
    #expect(fifth.kind == .resourceExhausted && (fifth.retryDelay ?? 0) > 0)
    let status = studio.status()
    #expect(status.jobs.count == 3 && status.jobsLimit == 3 && status.jobsLimitPerConnection == 2)
    for events in [first, second, other] { events.cancel() }
  }

  @Test func tooLittleMemoryRefusesAJob() {
    var admission = Admission()
    admission.memory = MemoryLimit(resident: MemoryUse.now().resident)
    let error = #expect(throws: JobError.self) {
      try admission.check(jobs: 0, ofOwner: 0, nextEnd: nil)
    }
    #expect(error?.kind == .resourceExhausted)
    admission.memory = MemoryLimit(resident: MemoryUse.now().resident + 1 << 30)
    #expect(throws: Never.self) { try admission.check(jobs: 0, ofOwner: 0, nextEnd: nil) }
  }

  @Test func theLowestLimitOfAControlGroupAndItsParentsCounts() {
    let files = [
      "/sys/fs/cgroup/a/b/memory.max": "max\n", "/sys/fs/cgroup/a/memory.max": "1073741824\n",
      "/sys/fs/cgroup/memory/c/memory.limit_in_bytes": "536870912\n",
    ]
    #expect(MemoryLimit.controlGroup("0::/a/b\n") { files[$0] } == 1 << 30)
    #expect(MemoryLimit.controlGroup("0::/a/b\n7:cpu,memory:/c\n") { files[$0] } == 1 << 29)
    #expect(MemoryLimit.controlGroup("0::/d\n7:cpu:/c\n") { files[$0] } == nil)
    #expect(
      MemoryLimit(resident: 1_600).room(MemoryUse(addressSpace: 9_999, resident: 500)) == 1_000)
    #expect(
      MemoryLimit(addressSpace: 1_600, resident: 32_000)
        .room(MemoryUse(addressSpace: 1_500, resident: 500)) == 0)
  }

  /// A kind of work, and the progress that is told just before it.
  enum Unit: CaseIterable {
    case loading, textEncoding, encoding, denoising, decoding, recovery, resampling, analysis

    func isBegun(by progress: JobProgress) -> Bool {
      switch self {
      case .loading: progress.stage == .loading
      case .textEncoding: progress.stage == .denoising && progress.step == 0
      case .encoding: progress.stage == .encoding
      case .denoising: progress.stage == .denoising && progress.step == 2
      case .recovery: progress.stage == .sound && progress.secondsDone > 0
      case .decoding, .resampling, .analysis: progress.stage == .decoding
      }
    }
  }

  private func events(_ unit: Unit, _ studio: Studio) throws -> JobEvents {
    // Each goes on for long after the unit: other tests may keep the one who cancels waiting.
    var job = self.job(1, seconds: unit == .recovery ? 20 : 2)
    switch unit {
    case .loading, .denoising, .textEncoding: job.steps = 1_000
    case .decoding: (job.durationSeconds, job.width) = (nil, 4_096)
    case .encoding:
      job.durationSeconds = 20
      let tone = WAVFile.tone(hertz: 440, seconds: 20, sampleRate: 24_000)
      return studio.remix(RemixJob(job, file: tone))
    case .resampling, .analysis:
      // Sound of another rate is resampled as it is decoded; of its own, it is only analysed.
      var analysis = AnalyzeJob(
        file: WAVFile.tone(hertz: 440, seconds: 480, sampleRate: 48_000))
      analysis.spectrogram.sampleRate = unit == .resampling ? 44_100 : 48_000
      return studio.run(try studio.admit(analysis))
    case .recovery: break
    }
    return studio.generate(job)
  }

  @Test(arguments: Unit.allCases) func aCancelledJobEndsAtEveryUnit(unit: Unit) async throws {
    let studio = try Studio(models: Self.model, threads: 2, encoderName: "riffd test")
    let events = try self.events(unit, studio)
    var after: [JobEvent] = []
    var isCancelled = false
    await #expect(throws: CancellationError.self) {
      for try await event in events {
        if isCancelled { after.append(event) }
        if case .progress(let progress) = event, unit.isBegun(by: progress), !isCancelled {
          isCancelled = true
          try studio.cancel(job: events.id)
        }
      }
    }
    #expect(isCancelled)
    // What was cancelled is not heard of again.
    #expect(after.isEmpty)
    #expect(studio.status().jobs.isEmpty && studio.status().jobsCancelled == 1)
    #expect(throws: JobError.self) { try studio.cancel(job: events.id) }
    // The cores are free.
    let next = try await Self.made(studio.generate(self.job(3)))
    #expect(!next.picture.isEmpty)
  }

  /// Steps of each connection's jobs.
  private final class StepCounts: Sendable {
    private let counts = Mutex<[UInt64: Int]>([:])

    var all: [UInt64: Int] { counts.withLock { $0 } }

    func add(_ owner: UInt64) { counts.withLock { $0[owner, default: 0] += 1 } }

    /// Whether so many connections have made so many steps in all.
    func has(_ steps: Int, of owners: Int) -> Bool {
      counts.withLock { $0.count == owners && $0.values.reduce(0, +) >= steps }
    }
  }

  @Test("connections of unequal appetites get on alike") func unequalAppetites() async throws {
    let studio = try Studio(models: Self.model, threads: 2, encoderName: "riffd test")
    _ = try await Self.made(studio.generate(self.job(1)))
    // One job, three and eight, all without an end; each connection's steps are counted until there
    // are enough.
    let steps = StepCounts()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (owner, jobs) in [1: 1, 2: 3, 3: 8] as [UInt64: Int] {
        for number in 0..<jobs {
          var job = self.job(UInt64(number))
          job.steps = 1_000
          group.addTask { [job, steps] in
            do {
              for try await event in studio.generate(job, owner: owner) {
                if case .progress(let progress) = event, progress.stage == .denoising,
                  progress.step > 0
                {
                  steps.add(owner)
                }
              }
            } catch is CancellationError {}
          }
        }
      }
      while !steps.has(400, of: 3) {
        try await Task.sleep(for: .milliseconds(10))
      }
      for job in studio.status().jobs { try? studio.cancel(job: job.id) }
      try await group.waitForAll()
    }
    let counts = steps.all
    let (least, most) = (counts.values.min() ?? 0, counts.values.max() ?? 0)
    // By the number of jobs it would be one to eight. Shares are of time, in which a connection of many
    // makes more steps, for it makes them together.
    #expect(least > 0 && most < 4 * least, "\(counts)")
  }

  @Test func modelsComeAndGo() async throws {
    let studio = try Studio(models: Self.model, threads: 2, encoderName: "riffd test")
    func resident() async throws -> Int { try await studio.models()[0].residentBytes }
    #expect(try await resident() == 0)
    _ = try await Self.made(studio.load(LoadModelJob(model: "riff-mini")))
    let loaded = try await resident()
    #expect(loaded > 10 << 20)
    let first = try await Self.made(studio.generate(self.job(7)))
    #expect(try await studio.unload(model: "") == loaded)
    #expect(try await resident() == 0)
    #expect(try await studio.unload(model: "riff-mini") == 0)
    // It comes back by itself, and leaves by itself.
    var job = self.job(7)
    job.keepAliveSeconds = 0
    #expect(try await Self.made(studio.generate(job)) == first)
    #expect(try await resident() == 0)
  }

  @Test func aModelThatIsUnloadedUnderUseFinishesItsJobs() async throws {
    let studio = try Studio(models: Self.model, threads: 2, encoderName: "riffd test")
    let alone = try await Self.made(studio.generate(self.job(7)))
    var job = self.job(7)
    job.steps = 40
    let long = try await Self.made(studio.generate(job))
    let events = studio.generate(job)
    var again = Made()
    var unloaded = 0
    for try await event in events {
      switch event {
      case .progress(let progress) where progress.stage == .denoising && progress.step == 2:
        unloaded = try await studio.unload(model: "riff-mini")
      case .spectrogram(let bytes): again.picture = bytes
      case .audio(let bytes): again.sound += bytes
      default: break
      }
    }
    #expect(unloaded > 0)
    #expect(again == long && again != alone)
  }

  @Test func theModelThatWasUsedLongestAgoLeavesFirst() async throws {
    let models = ["a", "b", "c"].map {
      ModelLocation(name: $0, directory: TestPaths.bundledModel)
    }
    let one = try Studio(models: Self.model, threads: 2, encoderName: "riffd test")
    _ = try await Self.made(one.load(LoadModelJob(model: "")))
    let size = try await one.models()[0].residentBytes
    let studio = try Studio(
      models: models, threads: 2, encoderName: "riffd test",
      modelPolicy: ModelPolicy(memory: size * 5 / 2))
    for name in ["a", "b", "a", "c"] {
      _ = try await Self.made(studio.load(LoadModelJob(model: name)))
    }
    #expect(try await studio.models().map { $0.residentBytes > 0 } == [true, false, true])
  }
}
