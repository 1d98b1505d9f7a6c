import AudioIO
import Riff
import Spectrogram
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

  @Test func aCancelledJobEndsAtEveryStage() async throws {
    let studio = try Studio(models: Self.model, threads: 2, encoderName: "riffd test")
    for stage in [JobStage.denoising, .decoding, .sound] {
      var job = self.job(1, seconds: stage == .sound ? 20 : 2)
      job.steps = stage == .denoising ? 1_000 : 3
      let events = studio.generate(job)
      await #expect(throws: CancellationError.self, "\(stage)") {
        for try await event in events {
          if case .progress(let progress) = event, progress.stage == stage {
            try studio.cancel(job: events.id)
          }
        }
      }
    }
    #expect(studio.status().jobs.isEmpty && studio.status().jobsCancelled == 3)
    #expect(throws: JobError.self) { try studio.cancel(job: 1) }
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
