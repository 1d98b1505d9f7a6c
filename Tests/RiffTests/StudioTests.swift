import AudioIO
import Riff
import Spectrogram
import Testing

/// The jobs on the bundled model: everything but the wire.
@Suite struct StudioTests {
  private let studio: Studio

  init() throws {
    self.studio = try Studio(
      models: [ModelLocation(name: "riff-mini", directory: TestPaths.bundledModel)], threads: 2,
      encoderName: "riffd test")
  }

  private func short(_ prompt: String, seed: UInt64) -> GenerateJob {
    var job = GenerateJob(prompt: prompt)
    job.seed = seed
    job.steps = 2
    job.durationSeconds = 1
    return job
  }

  private func picture(_ job: GenerateJob) async throws -> [UInt8] {
    var job = job
    job.output = nil
    var png: [UInt8]?
    for try await event in self.studio.generate(job) {
      if case .spectrogram(let bytes) = event { png = bytes }
    }
    return try #require(png)
  }

  @Test func eventsComeInTheOrderOfTheProtocol() async throws {
    var job = self.short("church bells", seed: 1)
    job.wantSpectrogram = true
    var names: [String] = []
    var summary: JobSummary?
    var denoised: [Int] = []
    for try await event in self.studio.generate(job) {
      switch event {
      case .started(let start):
        names.append("started")
        #expect(start.seed == 1 && start.model == "riff-mini")
      case .progress(let progress):
        if progress.stage == .denoising, progress.steps > 0 { denoised.append(progress.step) }
      case .warning, .changed, .windowPicture: break
      case .spectrogram: names.append("spectrogram")
      case .audio: if names.last != "audio" { names.append("audio") }
      case .done(let done):
        names.append("done")
        summary = done
      }
    }
    #expect(names == ["started", "spectrogram", "audio", "done"])
    #expect(denoised == denoised.sorted() && denoised.last == 2)
    let done = try #require(summary)
    #expect(done.seed == 1)
    #expect(done.sampleCount == 48_000)
    #expect(done.channelCount == 1)
    #expect(done.timings.contains { $0.stage == .denoising && $0.seconds > 0 })
    #expect(self.studio.status().jobs.isEmpty)
    #expect(self.studio.status().jobsDone == 1)
  }

  @Test func theSeedDecidesThePicture() async throws {
    let one = try await self.picture(self.short("a violin solo", seed: 5))
    #expect(try await self.picture(self.short("a violin solo", seed: 5)) == one)
    // But for what the file says of its seed.
    let wide = try await self.picture(self.short("a violin solo", seed: 5 + 1 << 32))
    #expect(try SpectrogramPicture(file: wide) == SpectrogramPicture(file: one))
    #expect(try await self.picture(self.short("a violin solo", seed: 6)) != one)
    #expect(try await self.picture(self.short("a techno drum beat", seed: 5)) != one)
  }

  @Test("drums of 15 s keep their beat: windows begin on one")
  func aLongPieceKeepsItsBeat() async throws {
    var slips: [Double] = []
    for seed in UInt64(1)...5 {
      var job = GenerateJob(prompt: "techno drum beat, 120 bpm")
      job.seed = seed
      job.durationSeconds = 15
      let picture = try SpectrogramPicture(file: try await self.picture(job))
      #expect(picture.image.width == 752)
      let mel = try picture.mel()
      // Three seconds at each end.
      let grids = try [0..<150, 602..<752].map { frames -> BeatGrid in
        var values: [Float] = []
        for bin in 0..<mel.bins {
          values +=
            mel.values[
              bin * mel.frames + frames.lowerBound..<bin * mel.frames + frames.upperBound]
        }
        let part = try MelSpectrogram(
          channels: 1, bins: mel.bins, frames: frames.count, values: values)
        let onsets = OnsetEnvelope(part, parameters: picture.parameters)
        return try #require(BeatGrid(onsets, bpm: 120))
      }
      let time = grids[1].first + 602 * 0.02
      slips.append(abs(time - grids[0].nearest(to: time)))
    }
    #expect(slips.sorted()[2] < 0.045, "\(slips)")
  }

  @Test("what has no beat, and what has a width, is one picture")
  func aPieceWithoutABeatIsOnePicture() async throws {
    var job = GenerateJob(prompt: "ambient synth pad")
    job.seed = 1
    job.steps = 4
    job.durationSeconds = 7.68
    let long = try SpectrogramPicture(file: try await self.picture(job))
    job.durationSeconds = nil
    job.width = 384
    let wide = try SpectrogramPicture(file: try await self.picture(job))
    // Compared outside the expectation, which would print every pixel.
    let isSame = long.image == wide.image
    #expect(isSame)
  }

  @Test func pcmIsAsLongAsAsked() async throws {
    for seconds in [0.001, 0.5, 1.2345] {
      var job = self.short("piano", seed: 3)
      job.durationSeconds = seconds
      job.output = .pcmFloat32
      var bytes: [UInt8] = []
      for try await event in self.studio.generate(job) {
        if case .audio(let part) = event { bytes += part }
      }
      #expect(bytes.count == 4 * Int((seconds * 48_000).rounded()))
      let samples = bytes.withUnsafeBytes { buffer in
        stride(from: 0, to: buffer.count, by: 4).map { index in
          Float(
            bitPattern: UInt32(
              littleEndian: buffer.loadUnaligned(fromByteOffset: index, as: UInt32.self)))
        }
      }
      #expect(samples.allSatisfy { abs($0) <= 0.9 })
      #expect(samples.contains { $0 != 0 })
    }
  }

  @Test func aGeneratedPictureRendersAndItsAnalysisIsAPicture() async throws {
    var job = self.short("guitar", seed: 2)
    job.steps = 4
    let png = try await self.picture(job)
    var render = RenderJob(file: png)
    render.output = .oggOpus(bitrate: nil)
    var opus: [UInt8] = []
    var length = 0
    for try await event in self.studio.render(render) {
      switch event {
      case .audio(let bytes): opus += bytes
      case .done(let summary): length = summary.sampleCount
      case .warning(let text): Issue.record("warned: \(text)")
      case .started, .progress, .spectrogram, .changed, .windowPicture: break
      }
    }
    let generated = try SpectrogramPicture(file: png)
    #expect(length == generated.frames * generated.parameters.stepMilliseconds * 48)
    var analyze = AnalyzeJob(file: opus)
    analyze.spectrogram.melBins = 128
    let analyzed = try SpectrogramPicture(file: try await self.studio.analyze(analyze).png)
    #expect(analyzed.bins == 128)
    // One frame a 10 ms, and one more for the centred start.
    #expect(analyzed.frames == length / 480 + 1)
  }

  /// Nor is the file's own length at hand, which would be less.
  @Test func aSpanThatNoIntegerHoldsIsRefused() async throws {
    // Streamed, so that its head does not tell its length.
    let encoder = try OutputFormat.flac(.signed16).makeEncoder(
      channels: 1, comments: [], inputSampleRate: 48_000, serialNumber: 1)
    let flac =
      try encoder.append([[Float](repeating: 0.1, count: 48_000)]) + encoder.finish()
    for seconds in [1e9, 1e19, 1e300] {
      var analyze = AnalyzeJob(file: flac)
      analyze.durationSeconds = seconds
      let job = analyze
      let error = await #expect(throws: JobError.self) { try await self.studio.analyze(job) }
      #expect(error?.kind == .invalidArgument(field: "audio"), "\(String(describing: error))")
      analyze.durationSeconds = nil
      analyze.startSeconds = seconds
      let late = analyze
      let other = await #expect(throws: JobError.self) { try await self.studio.analyze(late) }
      #expect(other?.field?.hasSuffix("start_seconds") == true, "\(String(describing: other))")
    }
  }

  @Test func cancellingStopsWithinAStep() async throws {
    var job = GenerateJob(prompt: "slow strings")
    job.steps = 1_000
    let events = self.studio.generate(job)
    var steps = 0
    await #expect(throws: CancellationError.self) {
      for try await event in events {
        guard case .progress(let progress) = event, progress.stage == .denoising else { continue }
        steps = progress.step
        if steps == 3 { events.cancel() }
      }
    }
    #expect(steps == 3)
    #expect(self.studio.status().jobs.isEmpty)
    #expect(self.studio.status().jobsCancelled == 1)
  }

  struct BadRequest: Sendable, CustomTestStringConvertible {
    var field: String
    var change: @Sendable (inout GenerateJob) -> Void

    init(_ field: String, _ change: @escaping @Sendable (inout GenerateJob) -> Void) {
      self.field = field
      self.change = change
    }

    var testDescription: String { self.field }

    static let all: [BadRequest] = [
      BadRequest("prompt") { $0.prompt = " \n" },
      BadRequest("prompt") { $0.prompt = String(repeating: "x", count: 100_000) },
      BadRequest("negative_prompt") { $0.negativePrompt = String(repeating: "x", count: 100_000) },
      BadRequest("steps") { $0.steps = 0 },
      BadRequest("steps") { $0.steps = 10_000 },
      BadRequest("guidance_scale") { $0.guidanceScale = .nan },
      BadRequest("guidance_scale") { $0.guidanceScale = -1 },
      BadRequest("guidance_start") { $0.guidanceStart = .nan },
      BadRequest("guidance_start") { $0.guidanceStart = 1 },
      BadRequest("guidance_stop") { $0.guidanceStop = 0 },
      BadRequest("deep_cache_interval") { $0.deepCacheInterval = 0 },
      BadRequest("scheduler") { $0.scheduler = "magic" },
      BadRequest("width") { $0.width = 100 },
      BadRequest("width") { $0.width = 0 },
      BadRequest("width") { $0.width = 1 << 30 },
      BadRequest("height") { $0.height = 77 },
      BadRequest("duration_seconds") { $0.durationSeconds = .nan },
      BadRequest("duration_seconds") { $0.durationSeconds = .infinity },
      BadRequest("duration_seconds") { $0.durationSeconds = -1 },
      BadRequest("duration_seconds") { $0.durationSeconds = 1e9 },
      BadRequest("duration_seconds") { $0.durationSeconds = 3_600.5 },
      BadRequest("duration_seconds") {
        $0.durationSeconds = 5
        $0.width = 256
      },
    ]
  }

  @Test(arguments: BadRequest.all)
  func badRequestsNameTheField(_ bad: BadRequest) async throws {
    var job = GenerateJob(prompt: "piano")
    bad.change(&job)
    let error = await #expect(throws: JobError.self) {
      for try await _ in self.studio.generate(job) {}
    }
    #expect(error?.kind == .invalidArgument(field: bad.field), "\(String(describing: error))")
  }

  @Test func anUnknownModelIsNotFound() async throws {
    var job = GenerateJob(prompt: "piano")
    job.model = "nothing"
    let error = await #expect(throws: JobError.self) {
      for try await _ in self.studio.generate(job) {}
    }
    #expect(error?.kind == .notFound(field: "model"))
    #expect(error?.message.contains("riff-mini") == true)
  }
}
