import AudioIO
import Foundation
import Riff
import Testing

/// Uploads on disk, and jobs that are admitted on their first message.
@Suite struct UploadSpoolTests {
  private static func studio(_ spool: UploadSpool = UploadSpool()) throws -> Studio {
    try Studio(
      models: [ModelLocation(name: "riff-mini", directory: TestPaths.bundledModel)], threads: 2,
      encoderName: "riffd test", uploads: spool)
  }

  private static let tone = WAVFile.tone(hertz: 440, seconds: 12, sampleRate: 44_100)

  private static func remix(_ file: Upload) -> RemixJob {
    var request = GenerateJob(prompt: "a violin solo")
    request.seed = 4
    request.steps = 4
    request.output = nil
    return RemixJob(request, file: file)
  }

  @Test func aFileHasNoNameAndGivesItsBytesBack() async throws {
    let folder = FileManager.default.temporaryDirectory.path + "/riff-spool-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let studio = try Self.studio(UploadSpool(limit: 1_000, folder: folder))
    var job: AdmittedJob? = try studio.admit(AnalyzeJob(file: studio.uploads.open()))
    try await job?.append(0..<200)
    try await job?.append(200..<250)
    #expect(try job?.upload.bytes(100..<300) == Array(100..<250))
    #expect(job?.upload.count == 250)
    #expect(studio.status().uploadBytes == 250 && studio.status().uploadBytesLimit == 1_000)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
    #expect(studio.status().jobs.map(\.method) == ["Analyze"])
    job = nil
    // The task that appended last may let go of the upload a moment later.
    for _ in 0..<1_000 where studio.status().uploadBytes > 0 {
      try await Task.sleep(for: .milliseconds(5))
    }
    #expect(studio.status().uploadBytes == 0)
    #expect(studio.status().jobs.isEmpty && studio.status().jobsCancelled == 1)
  }

  @Test func allUploadsShareOneBudget() async throws {
    let studio = try Self.studio(UploadSpool(limit: 1_000))
    let first = try studio.admit(AnalyzeJob(file: studio.uploads.open()))
    let second = try studio.admit(AnalyzeJob(file: studio.uploads.open()))
    try await first.append([UInt8](repeating: 1, count: 600))
    let error = await #expect(throws: JobError.self) {
      try await second.append([UInt8](repeating: 1, count: 401))
    }
    #expect(error?.kind == .resourceExhausted && error?.message.contains("1000") == true)
    try await second.append([UInt8](repeating: 1, count: 400))
    first.fail(CancellationError())
    try await second.append([UInt8](repeating: 1, count: 600))
    #expect(studio.status().uploadBytes == 1_000)
    second.fail(JobError(.internal, "x"))
    #expect(studio.status().uploadBytes == 0)
    #expect(studio.status().jobsFailed == 1 && studio.status().jobsCancelled == 1)
  }

  @Test func aFolderThatCannotBeWrittenToIsNamed() throws {
    let error = #expect(throws: JobError.self) {
      try UploadSpool(folder: "/proc/none").open()
    }
    #expect(error?.kind == .resourceExhausted && error?.message.contains("/proc/none") == true)
  }

  @Test func aPictureMayHaveLessThanASound() async throws {
    let studio = try Self.studio()
    let job = try studio.admit(RenderJob(file: studio.uploads.open()))
    let error = await #expect(throws: JobError.self) {
      for _ in 0..<65 { try await job.append([UInt8](repeating: 0, count: 1 << 20)) }
    }
    #expect(error?.kind == .invalidArgument(field: "chunk"))
    #expect(error?.message.contains("\(64 << 20)") == true)
  }

  @Test func whatCannotBeDecodedIsRefusedByItsBeginning() async throws {
    let studio = try Self.studio()
    let webm = [0x1A, 0x45, 0xDF, 0xA3] + [UInt8](repeating: 0, count: 70_000)
    for job in try [
      studio.admit(AnalyzeJob(file: studio.uploads.open())),
      studio.admit(Self.remix(studio.uploads.open())),
    ] {
      try await job.append(webm.prefix(10_000))
      let error = await #expect(throws: JobError.self) {
        try await job.append(webm.dropFirst(10_000))
      }
      #expect(error?.message.contains("WebM") == true)
    }
    let png = [0x89, 0x50, 0x4E, 0x47] + [UInt8](repeating: 0, count: 70_000)
    try await studio.admit(Self.remix(studio.uploads.open())).append(png)
    await #expect(throws: JobError.self) {
      try await studio.admit(AnalyzeJob(file: studio.uploads.open())).append(png)
    }
  }

  @Test func theSourceIsLetGoBeforeDenoising() async throws {
    let studio = try Self.studio()
    var job: AdmittedJob? = try studio.admit(Self.remix(studio.uploads.open()))
    try await job?.append(Self.tone)
    #expect(studio.status().uploadBytes == Self.tone.count)
    let events = try studio.run(#require(job))
    // Who has handed it over need not keep it.
    job = nil
    var held: [JobStage: Int] = [:]
    for try await event in events {
      guard case .progress(let progress) = event else { continue }
      held[progress.stage] = studio.status().uploadBytes
      #expect(studio.status().jobsCancelled == 0)
    }
    #expect(held[.denoising] == 0, "\(held)")
    #expect(studio.status().jobsDone == 1)
  }

  @Test func theJobLetsGoHoweverItEnds() async throws {
    let studio = try Self.studio()
    for bytes in [Array("no sound".utf8), Self.tone] {
      let job = try studio.admit(Self.remix(studio.uploads.open()))
      try await job.append(bytes)
      let events = studio.run(job)
      events.cancel()
      do { for try await _ in events {} } catch {}
      #expect(studio.status().uploadBytes == 0 && studio.status().jobs.isEmpty)
    }
  }

  @Test func aLongClipIsUsedFromTheStartThatIsAskedFor() async throws {
    let studio = try Self.studio()
    var warnings: [String] = []
    for (start, said) in [(0.0, "from 0.00 to 5.1"), (6.5, "from 6.50 to 11.6")] {
      var job = Self.remix(Upload(Self.tone))
      job.startSeconds = start
      for try await event in studio.remix(job) {
        if case .warning(let text) = event { warnings.append(text) }
      }
      #expect(warnings.last?.contains("12.00 s") == true, "\(warnings)")
      #expect(warnings.last?.contains(said) == true, "\(warnings)")
    }
    var job = Self.remix(Upload(Self.tone))
    job.startSeconds = 12.5
    let error = await #expect(throws: JobError.self) {
      for try await _ in studio.remix(job) {}
    }
    #expect(error?.kind == .invalidArgument(field: "start_seconds"))
  }

  @Test func anAnalysisTellsWhatItLeavesOut() async throws {
    let studio = try Self.studio()
    var job = AnalyzeJob(file: Self.tone)
    #expect(try await studio.analyze(job).warnings.isEmpty)
    job.startSeconds = 1
    job.durationSeconds = 2
    let analysis = try await studio.analyze(job)
    #expect(analysis.warnings.count == 1 && analysis.warnings[0].contains("2.00 s are used"))
  }

  @Test func tooManyColumnsAreRefusedWithAWayOut() async throws {
    let studio = try Self.studio()
    let clip = WAVFile.tone(hertz: 440, seconds: 1_400, sampleRate: 1_000)
    var job = AnalyzeJob(file: clip)
    let error = await #expect(throws: JobError.self) { try await studio.analyze(job) }
    #expect(error?.message.contains("step_ms") == true, "\(String(describing: error))")
    job.spectrogram.stepMilliseconds = 40
    job.spectrogram.windowMilliseconds = 100
    #expect(try await !studio.analyze(job).png.isEmpty)
  }

  @Test func moreSamplesThanAnHourHasAreRefusedAtOnce() async throws {
    let studio = try Self.studio()
    var job = AnalyzeJob(file: WAVFile.tone(hertz: 440, seconds: 600, sampleRate: 1_000))
    job.spectrogram.sampleRate = 384_000
    let error = await #expect(throws: JobError.self) { try await studio.analyze(job) }
    #expect(error?.kind == .invalidArgument(field: "audio"))
    #expect(error?.message.contains("600.00 s at 384000 Hz") == true)
  }

  @Test func aStudioThatIsFullRefusesBeforeTheUpload() throws {
    let studio = try Self.studio()
    var jobs: [AdmittedJob] = []
    func admit(owner: UInt64) throws {
      jobs.append(try studio.admit(AnalyzeJob(file: studio.uploads.open()), owner: owner))
    }
    func refuses(owner: UInt64) {
      let error = #expect(throws: JobError.self) { try admit(owner: owner) }
      #expect(error?.kind == .resourceExhausted)
      #expect(error?.retryDelay != nil)
    }
    for job in 0..<RequestLimits.jobs {
      try admit(owner: UInt64(job / RequestLimits.jobsPerConnection))
      if job == RequestLimits.jobsPerConnection - 1 { refuses(owner: 0) }
    }
    refuses(owner: 1_000)
    jobs.removeLast()
    try admit(owner: 1_000)
  }

  @Test func everyFaultIsToldAtOnceAndNoJobBegins() async throws {
    let studio = try Self.studio()
    var request = GenerateJob(prompt: "  ")
    request.steps = 0
    request.guidanceScale = .nan
    request.scheduler = "magic"
    request.model = "nothing"
    request.width = 64
    request.durationSeconds = -1
    request.output = .oggOpus(bitrate: 511_000)
    request.fadeMilliseconds = 20_000
    let fields: Set = [
      "prompt", "steps", "guidance_scale", "scheduler", "model", "duration_seconds", "opus.bitrate",
      "fade_ms",
    ]
    let error = await #expect(throws: JobError.self) {
      for try await _ in studio.generate(request) {}
    }
    #expect(Set(error?.violations.map(\.field) ?? []) == fields, "\(String(describing: error))")
    for field in fields { #expect(error?.description.contains(field) == true) }

    var remix = RemixJob(request, file: Upload([]))
    remix.strength = 2
    remix.startSeconds = -.infinity
    let refused = #expect(throws: JobError.self) { try studio.admit(remix) }
    #expect(
      Set(refused?.violations.map(\.field) ?? []) == fields.union(["strength", "start_seconds"]))
    #expect(studio.status().jobs.isEmpty && studio.status().jobsFailed == 0)
  }

  @Test func faultsDoNotWaitInLine() async throws {
    let studio = try Self.studio()
    var long = GenerateJob(prompt: "endless strings")
    long.steps = 1_000
    let running = studio.generate(long)
    for try await event in running {
      if case .progress(let progress) = event, progress.stage == .denoising { break }
    }
    var wrong = GenerateJob(prompt: "x")
    wrong.steps = 0
    wrong.width = 0
    let error = await #expect(throws: JobError.self) {
      for try await event in studio.generate(wrong) {
        Issue.record("an event before the refusal: \(event)")
      }
    }
    #expect(error?.violations.map(\.field) == ["steps", "width"])
    #expect(studio.status().jobs.count == 1)
    running.cancel()
  }
}
