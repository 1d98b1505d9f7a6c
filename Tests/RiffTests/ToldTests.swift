import AudioIO
import Diffusion
import Foundation
import Riff
import Spectrogram
import Testing

/// That all that paints tells a model what its card asks for: against the model by itself that is told the same,
/// or against one whose card has other names.
@Suite("What paints tells the model tempo, beat and key")
struct ToldTests {
  private let models: ToldModels
  private let studio: Studio

  init() throws {
    self.models = try ToldModels()
    self.studio = try self.models.studio()
  }

  private struct Made: Equatable {
    var bytes: [UInt8] = []
    /// The reds of their columns, one after another, and where each picture begins.
    var columns: [[UInt8]] = []
    var starts: [Int] = []
  }

  private func make(_ events: JobEvents, _ heard: (_ bytes: Int) -> Void = { _ in }) async throws
    -> Made
  {
    var made = Made()
    for try await event in events {
      switch event {
      case .spectrogram(let png), .windowPicture(let png, _):
        made.starts.append(made.columns.count)
        made.columns += try SpectrogramPicture(file: png).image.reds
      case .audio(let part):
        made.bytes += part
        heard(made.bytes.count)
      case .started, .progress, .warning, .changed, .done: break
      }
    }
    return made
  }

  private func job(_ prompt: String, _ model: String = "told") -> GenerateJob {
    var job = GenerateJob(prompt: prompt)
    job.model = model
    job.seed = 5
    job.quality = .draft
    job.output = nil
    return job
  }

  private func generate(_ job: GenerateJob) async throws -> Made {
    try await self.make(self.studio.generate(job))
  }

  /// What the model makes of a request by itself.
  private func alone(_ request: DiffusionRequest) throws -> [[UInt8]] {
    try ToldModels.alone().generate(request) { _ in }.reds
  }

  private func alone(_ prompt: String, told: [Double]) throws -> [[UInt8]] {
    try self.alone(ToldModels.request(prompt, seed: 5, told: told))
  }

  /// How far into a beat that is, to a billionth.
  private static func degrees(_ beats: Double) -> Double {
    360 * (((beats - beats.rounded(.down)) * 1e9).rounded() / 1e9)
  }

  @Test("words alone: a picture begins on a beat of the tempo that is asked for, in its key")
  func generate() async throws {
    let prompt = "bells in A minor, 120 bpm"
    let told = try await self.generate(self.job(prompt)).columns
    #expect(told == (try self.alone(prompt, told: [120, 0, 22])))
    #expect(told != (try self.alone(prompt, told: [])))
    #expect(
      try await self.generate(self.job(prompt, "turned")).columns
        == self.alone(prompt, told: [22, 0, 120]))
    #expect(
      try await self.generate(self.job(prompt, "untold")).columns == self.alone(prompt, told: []))
    #expect(
      try await self.generate(self.job(prompt, "wrong")).columns == self.alone(prompt, told: []))
    var asked = self.job("bells")
    asked.bpm = 93
    #expect(
      try await self.generate(asked).columns == self.alone("bells, 93 bpm", told: [93, 0, 0]))
    asked.prompt = "bells, 120 bpm"
    #expect(
      try await self.generate(asked).columns == self.alone("bells, 93 bpm", told: [93, 0, 0]))
  }

  @Test("a card that names another number of them than the U-Net takes is warned of")
  func wrongCard() async throws {
    let models = try await self.studio.models()
    func warnings(_ name: String) throws -> [String] {
      let model = try #require(models.first { $0.name == name })
      return try model.details.get().warnings
    }
    #expect(try warnings("wrong").contains { $0.contains("time_ids has 2 names") })
    #expect(try !warnings("told").contains { $0.contains("time_ids") })
  }

  @Test("a loop of bars: the tempo that it is drawn at")
  func loop() async throws {
    var job = self.job("bells")
    (job.bpm, job.bars, job.loop) = (117, 1, true)
    // Four beats of 117 a minute are a little more than 51 latent columns.
    var request = ToldModels.request("bells, 118 bpm", seed: 5, told: [4 * 60 / 2.04, 0, 0])
    request.width = 102
    request.isCircular = true
    #expect(try await self.generate(job).columns == self.alone(request))
  }

  @Test(
    "a window of a long piece: how far into a beat of the first one's grid it begins; guidance from its first step on",
    arguments: [0, 0.5])
  func longPiece(guidanceStart: Double) async throws {
    let prompt = "bells in D major, 117 bpm"
    var job = self.job(prompt)
    job.durationSeconds = 7
    job.guidanceStart = guidanceStart
    let made = try await self.generate(job)
    try #require(made.starts.count > 2)
    var first = ToldModels.request(prompt, seed: 5, told: [117, 0, 3])
    first.guidanceInterval = GuidanceInterval(start: guidanceStart, stop: 1)
    let picture = try ToldModels.alone().generate(first) { _ in }
    #expect(made.columns.starts(with: picture.reds.prefix(made.starts[1])))

    let onsets = OnsetEnvelope(
      try SpectrogramPicture(image: picture, parameters: ToldModels.parameters, maximum: 1),
      parameters: ToldModels.parameters)
    let grid = try #require(BeatGrid(onsets, bpm: 117))
    let start = BeatWindows.start(
      of: ToldModels.width, after: ToldModels.width, multiple: ToldModels.multiple,
      step: ToldModels.step, grid: grid)
    #expect(start == made.starts[1])
    let beats = (Double(start) * ToldModels.step - grid.first) / grid.period
    let degrees = Self.degrees(beats)
    // It begins on the column nearest to a beat.
    #expect(min(degrees, 360 - degrees) < 360 * ToldModels.step / grid.period)
    let overlap = ToldModels.width - start
    let whole = overlap / ToldModels.multiple * ToldModels.multiple
    func second(_ told: [Double]) throws -> [[UInt8]] {
      var request = ToldModels.request(prompt, seed: 6, told: told)
      request.initial = InitialPicture(
        image: picture.greys(start..<ToldModels.width, width: ToldModels.width), strength: 1)
      request.mask = KeepMask(
        width: ToldModels.width, height: 1,
        levels: (0..<ToldModels.width).map { $0 < whole ? 0 : 255 })
      // The next window fades in from where it begins.
      return Array(try self.alone(request)[overlap..<made.starts[2] - start])
    }
    let window = Array(made.columns[ToldModels.width..<made.starts[2]])
    #expect(window == (try second([117, degrees, 3])))
    #expect(window != (try second([117, degrees + 20, 3])))
  }

  @Test("a picture that is painted over: its own beat, or nothing where another tempo is asked for")
  func remix() async throws {
    let sound = AudioClip(sampleRate: 44_100, channels: TestSound.drums.samples())
    let mel = try SpectrogramAnalyzer(ToldModels.parameters).analyze(
      StreamResampler.resample(sound, to: 24_000).channels)
    let picture = try SpectrogramPicture(mel, parameters: ToldModels.parameters)
    let source = try SpectrogramPicture(
      image: picture.image.greys(7..<7 + ToldModels.width, width: ToldModels.width),
      parameters: picture.parameters, maximum: picture.maximum)
    let grid = try #require(
      BeatGrid(OnsetEnvelope(source, parameters: ToldModels.parameters)))
    func check(_ prompt: String, told: [Double]) async throws {
      var request = ToldModels.request(prompt, seed: 5, told: told)
      request.initial = InitialPicture(
        image: source.image, strength: RemixJob.defaultStrength)
      let job = RemixJob(self.job(prompt), file: try source.png())
      #expect(
        try await self.make(self.studio.remix(job)).columns == self.alone(request), "\(prompt)")
    }
    try await check("bells", told: [grid.bpm, Self.degrees(-grid.first / grid.period), 0])
    let other = (grid.bpm * 1.2).rounded()
    try await check("bells, \(Int(other)) bpm", told: [other, 0, 0])
  }

  @Test("the clips of a morph: beats run on from clip to clip")
  func morph() async throws {
    let (from, to) = ("bells in C major, 100 bpm", "drums, 140 bpm")
    var job = MorphJob(
      self.job(""), from: MorphEnd(from), to: MorphEnd(to), file: Upload([]))
    job.clips = 3
    let made = try await self.make(self.studio.morph(job))
    // A clip lasts 2.56 s.
    var beats = 0.0
    for (clip, told) in [(100.0, 1.0), (120, 0), (140, 0)].enumerated() {
      var request = ToldModels.request(
        from, seed: 5, told: [told.0, Self.degrees(beats), told.1])
      if clip > 0 { request.blend = [PromptShare(to, share: Double(clip) / 2)] }
      let columns = clip * ToldModels.width..<(clip + 1) * ToldModels.width
      #expect(Array(made.columns[columns]) == (try self.alone(request)), "\(clip)")
      beats += told.0 / 60 * 2.56
    }
  }

  /// What a job makes with each model of a list.
  private func each(
    _ models: [String], _ make: (_ model: String) async throws -> Made
  ) async throws -> [Made] {
    var made: [Made] = []
    for model in models { made.append(try await make(model)) }
    return made
  }

  @Test("a whole clip that is painted over: its tempo and, window by window, its beat")
  func clip() async throws {
    let made = try await self.each(["told", "tempo", "untold", "told"]) { model in
      var job = RemixJob(
        self.job("bells", model),
        file: WAVFile.floats(TestSound.drums.samples(), sampleRate: 44_100))
      job.request.output = .pcmFloat32
      job.request.wantSpectrogram = true
      job.span = RemixJob.Span()
      return try await self.make(self.studio.remix(job))
    }
    #expect(made[0].starts.count > 1)
    #expect(made[0] == made[3])
    #expect(made[1] != made[2], "the tempo is not told")
    #expect(made[0] != made[1], "the beat is not told")
  }

  @Test("a clip that goes on, behind and before", arguments: [(false, 1.0), (true, 1), (true, 8)])
  func extended(_ isBefore: Bool, _ seconds: Double) async throws {
    let made = try await self.each(["told", "tempo", "untold", "told"]) { model in
      var job = RemixJob(
        self.job("bells, 120 bpm", model),
        file: WAVFile.floats(TestSound.drums.samples(), sampleRate: 44_100))
      job.request.output = .pcmFloat32
      job.request.wantSpectrogram = true
      (job.extendSeconds, job.extendsBefore) = (seconds, isBefore)
      return try await self.make(self.studio.remix(job))
    }
    #expect(made[0] == made[3])
    #expect(made[1] != made[2], "the tempo is not told")
    #expect(made[0] != made[1], "the beat is not told")
  }

  @Test("a jam: its tempo from the beginning, and from its second window on the beat")
  func jam() async throws {
    let seconds = 6
    let made = try await self.each(["told", "tempo", "untold", "told"]) { model in
      var request = self.job("", model)
      request.output = .pcmFloat32
      var job = JamJob(
        request, prompts: [WeightedPrompt("bells, 117 bpm")], inbox: JamInbox())
      job.isUnpaced = true
      let inbox = job.inbox
      var made = try await self.make(self.studio.jam(job)) { bytes in
        if bytes > seconds * 4 * 48_000 { inbox.stop() }
      }
      // When the stop is read is a matter of time.
      made.bytes = Array(made.bytes.prefix((seconds - 1) * 4 * 48_000))
      return made
    }
    #expect(made[0] == made[3])
    let second = 4 * 48_000
    #expect(made[0].bytes.prefix(second) == made[1].bytes.prefix(second))
    #expect(made[1].bytes.prefix(second) != made[2].bytes.prefix(second), "the tempo is not told")
    #expect(made[0] != made[1], "the beat is not told")
  }
}

extension RasterImage {
  /// Some columns as grey as they are red, followed by white.
  fileprivate func greys(_ columns: Range<Int>, width: Int) -> RasterImage {
    var pixels = [UInt8](repeating: 255, count: 3 * width * self.height)
    for row in 0..<self.height {
      for (place, column) in columns.enumerated() {
        for component in 0..<3 {
          pixels[3 * (row * width + place) + component] =
            self.pixels[3 * (row * self.width + column)]
        }
      }
    }
    return RasterImage(width: width, height: self.height, pixels: pixels)
  }
}
