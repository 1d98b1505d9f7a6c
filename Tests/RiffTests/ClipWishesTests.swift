import AudioIO
import Foundation
import Riff
import Spectrogram
import Testing

/// Clips that go on, parts of clips that stay, and clips that are brought to another tempo, with the bundled
/// model.
@Suite("A clip goes on, stays in part, or comes at another tempo")
struct ClipWishesTests {
  private let studio: Studio

  init() throws {
    self.studio = try Studio(
      models: [ModelLocation(name: "riff-mini", directory: TestPaths.bundledModel)], threads: 2,
      encoderName: "riffd test")
  }

  private struct Result {
    /// (channel, sample) at 48 kHz.
    var sound: [[Float]] = []
    var pixels: [UInt8] = []
    var warnings: [String] = []
  }

  private func remix(_ job: RemixJob) async throws -> Result {
    var (result, bytes, channels) = (Result(), [UInt8](), 1)
    for try await event in self.studio.remix(job) {
      switch event {
      case .audio(let part): bytes += part
      case .warning(let text): result.warnings.append(text)
      case .spectrogram(let png): result.pixels = try SpectrogramPicture(file: png).image.pixels
      case .done(let done): channels = max(1, done.channelCount)
      default: break
      }
    }
    let samples = bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    result.sound = (0..<channels).map { channel in
      stride(from: channel, to: samples.count, by: channels).map { samples[$0] }
    }
    return result
  }

  private func job(_ sound: [[Float]], rate: Int = 48_000, steps: Int = 4) -> RemixJob {
    var request = GenerateJob(prompt: "techno drum beat")
    request.seed = 4
    request.steps = steps
    request.quality = .draft
    request.output = .pcmFloat32
    var job = RemixJob(request, file: WAVFile.floats(sound, sampleRate: rate))
    job.span = RemixJob.Span()
    return job
  }

  private static func level(_ sound: some Sequence<Float>) -> Double {
    var (sum, count) = (0.0, 0.0)
    for sample in sound {
      sum += Double(sample) * Double(sample)
      count += 1
    }
    return 10 * log10(max(1e-20, sum / max(1, count)))
  }

  // MARK: A clip that goes on

  /// Seven seconds and some samples at 48 kHz: drums on one side, a chord on the other.
  private static let clip: [[Float]] = TestSound.stereo.samples().map {
    Array(($0 + $0).prefix(7 * 48_000 + 77))
  }

  @Test(
    "what is added is as long as was asked for and as loud; the clip itself stays",
    arguments: [false, true])
  func goesOn(_ isBefore: Bool) async throws {
    var job = self.job(Self.clip)
    job.extendSeconds = 6.5
    job.extendsBefore = isBefore
    let result = try await self.remix(job)
    let (own, added) = (Self.clip[0].count, 312_000)
    #expect(result.sound.map(\.count) == [own + added, own + added])
    for (made, clip) in zip(result.sound, Self.clip) {
      if isBefore {
        #expect(Array(made[(added + 2_880)...]) == Array(clip[2_880...]))
      } else {
        #expect(Array(made[..<(own - 2_880)]) == Array(clip[..<(own - 2_880)]))
      }
    }
    let new =
      isBefore
      ? result.sound.map { $0.prefix(added) } : result.sound.map { $0.suffix(added) }
    let near =
      isBefore
      ? Self.clip.map { $0.prefix(120_000) } : Self.clip.map { $0.suffix(120_000) }
    #expect(abs(Self.level(new.joined()) - Self.level(near.joined())) < 9)
    // No hole where the two meet, in pieces of 10 ms over a quarter of a second around.
    let middle = isBefore ? added : own
    for start in stride(from: middle - 12_000, to: middle + 12_000, by: 4_800) {
      let piece = result.sound.map { $0[start..<start + 4_800] }.joined()
      #expect(Self.level(piece) > Self.level(near.joined()) - 20)
    }
  }

  @Test("a short clip goes on; one shorter than a latent, and a picture, do not")
  func short() async throws {
    var job = self.job([Array(Self.clip[0].prefix(24_000))])
    job.extendSeconds = 0.01
    #expect(try await self.remix(job).sound.map(\.count) == [24_480])
    job = self.job([Array(Self.clip[0].prefix(9_600))])
    job.extendSeconds = 1
    let tooShort = job
    var error = await #expect(throws: JobError.self) { try await self.remix(tooShort) }
    #expect(error?.field == "chunk")
    job.file = Upload(try TestSound.tone.picture().png())
    let picture = job
    error = await #expect(throws: JobError.self) { try await self.remix(picture) }
    #expect(error?.field == "chunk")
  }

  // MARK: What stays

  /// How far two pictures of 256 × 256 pixels are apart, where `isInside` says so.
  private static func distance(
    _ a: [UInt8], _ b: [UInt8], _ isInside: (_ row: Int, _ column: Int) -> Bool
  ) -> Int {
    (0..<256 * 256).reduce(0) { sum, pixel in
      isInside(pixel / 256, pixel % 256)
        ? sum + abs(Int(a[3 * pixel]) - Int(b[3 * pixel])) : sum
    }
  }

  /// One window of the clip: as it is, painted over, and painted over with wishes.
  private func pictures(
    _ sound: [[Float]], _ change: (inout RemixJob) -> Void
  ) async throws -> (own: [UInt8], free: [UInt8], kept: Result) {
    var job = self.job(sound, steps: 12)
    job.span = nil
    job.request.output = nil
    job.request.wantSpectrogram = true
    job.strength = 0
    let own = try await self.remix(job).pixels
    job.strength = 0.95
    let free = try await self.remix(job).pixels
    change(&job)
    return (own, free, try await self.remix(job))
  }

  @Test("a time stays, and the rest is painted over")
  func time() async throws {
    // Eight latents of 320 ms.
    let (own, free, kept) = try await self.pictures(Self.clip) {
      $0.kept.times = [RemixJob.Span(startSeconds: 0, durationSeconds: 2.56)]
    }
    #expect(Self.distance(kept.pixels, own) { $1 < 128 } == 0)
    let painted = Self.distance(free, own) { $1 >= 144 }
    #expect(Self.distance(kept.pixels, own) { $1 >= 144 } * 3 > painted)
    #expect(kept.warnings.contains { $0.contains("0.32 s") })
  }

  @Test("low or high frequencies stay, rounded to the latents, which a warning says")
  func frequencies() async throws {
    for isLow in [true, false] {
      let (own, free, kept) = try await self.pictures(Self.clip) {
        if isLow { $0.kept.belowHertz = 700 } else { $0.kept.aboveHertz = 700 }
      }
      func lies(_ row: Int, low: Bool) -> Bool { low ? row >= 200 : row < 144 }
      #expect(Self.distance(kept.pixels, own) { row, _ in lies(row, low: isLow) } == 0)
      let painted = Self.distance(free, own) { row, _ in lies(row, low: !isLow) }
      #expect(
        Self.distance(kept.pixels, own) { row, _ in lies(row, low: !isLow) } * 3 > painted)
      #expect(kept.warnings.contains { $0.contains("700 Hz was rounded to") })
    }
  }

  @Test("beats stay by a pattern; where there is no beat, it says so")
  func beats() async throws {
    let drums = TestSound.drums.samples()
    let (own, free, kept) = try await self.pictures(drums) { $0.kept.beats = "xxxx" }
    // From the first beat on, which is in the first half second.
    #expect(Self.distance(kept.pixels, own) { $1 >= 48 && $1 < 240 } == 0)
    #expect(Self.distance(free, own) { $1 >= 48 && $1 < 240 } > 0)
    #expect(kept.warnings.contains { $0.contains("beats a minute") })
    // The first beat is the one that the clip begins with.
    let first = try await self.pictures(drums) { $0.kept.beats = "x---" }
    #expect(
      Self.distance(first.kept.pixels, own) { $1 < 16 } * 3
        < Self.distance(free, own) { $1 < 16 })
    #expect(Self.distance(first.kept.pixels, own) { $1 >= 48 && $1 < 80 } > 0)
    // Opposite channels are silent together, but a whole clip of them has a beat.
    var opposite = self.job([drums[0], drums[0].map { -$0 }])
    opposite.kept.beats = "xxxx"
    #expect(try await self.remix(opposite).warnings.contains { $0.contains("beats a minute") })
    var job = self.job(TestSound.tone.samples(), rate: 44_100)
    job.kept.beats = "x-"
    let toneless = job
    let error = await #expect(throws: JobError.self) { try await self.remix(toneless) }
    #expect(error?.field == "keep_beats")
  }

  @Test("of a whole clip all can stay: then it is what strength 0 gives")
  func whole() async throws {
    var job = self.job(Self.clip)
    job.strength = 0
    let own = try await self.remix(job)
    job.strength = 0.9
    let free = try await self.remix(job)
    job.kept.times = [RemixJob.Span()]
    let kept = try await self.remix(job)
    func apart(_ a: Result, _ b: Result) -> Double {
      Self.level(zip(a.sound.joined(), b.sound.joined()).map { $0 - $1 })
    }
    #expect(apart(kept, own) < apart(free, own) - 20)
  }

  // MARK: Tempo

  @Test("a clip is brought to another tempo, and what it had is told")
  func tempo() async throws {
    // Drums, and five seconds of them: twice 120 a minute.
    let drums = TestSound.drums.samples()
    var job = self.job([drums[0] + drums[0]], rate: 44_100)
    job.strength = 0
    job.stretchToBPM = 100
    let result = try await self.remix(job)
    // Ten seconds at 100 instead of 120.
    #expect(abs(result.sound[0].count - 576_000) < 2_400)
    #expect(result.warnings.contains { $0.hasPrefix("stretch_to_bpm: the clip has 1") })
    let parameters = SpectrogramParameters(
      sampleRate: 48_000, stepMilliseconds: 10, windowMilliseconds: 46, paddedMilliseconds: 46,
      melBins: 80)
    let mel = try SpectrogramAnalyzer(parameters).analyze(result.sound)
    let grid = try #require(BeatGrid(OnsetEnvelope(mel, parameters: parameters)))
    let octaves = log2(grid.bpm / 100)
    #expect(abs(octaves - octaves.rounded()) < 0.01)

    job = self.job(TestSound.tone.samples(), rate: 44_100)
    job.stretchToBPM = 100
    let toneless = job
    let error = await #expect(throws: JobError.self) { try await self.remix(toneless) }
    #expect(error?.field == "stretch_to_bpm")
  }

  @Test("what cannot be is refused by the name of its field")
  func refused() async throws {
    func field(_ change: (inout RemixJob) -> Void) async throws -> String? {
      var job = self.job([Self.clip[0]])
      change(&job)
      let changed = job
      let error = await #expect(throws: JobError.self) { try await self.remix(changed) }
      return error?.field
    }
    #expect(try await field { $0.extendSeconds = 0 } == "extend_seconds")
    #expect(try await field { $0.extendSeconds = .nan } == "extend_seconds")
    #expect(try await field { $0.extendSeconds = 1e9 } == "extend_seconds")
    // No integer is so large.
    #expect(try await field { $0.extendSeconds = 1e300 } == "extend_seconds")
    #expect(try await field { $0.extendsBefore = true } == "extend_before")
    #expect(
      try await field {
        $0.extendSeconds = 1
        $0.toPrompt = "techno"
      } == "to_prompt")
    #expect(
      try await field {
        $0.extendSeconds = 1
        $0.kept.belowHertz = 200
      } == "keep_below_hz")
    #expect(try await field { $0.kept.aboveHertz = -1 } == "keep_above_hz")
    #expect(try await field { $0.kept.beats = "xy" } == "keep_beats")
    #expect(try await field { $0.kept.beats = "--" } == "keep_beats")
    #expect(
      try await field {
        $0.kept.times = [RemixJob.Span(startSeconds: .nan)]
      } == "keep_time")
    #expect(try await field { $0.stretchToBPM = 10 } == "stretch_to_bpm")
    #expect(
      try await field {
        $0.span = nil
        $0.stretchToBPM = 100
      } == "stretch_to_bpm")
    #expect(
      try await field {
        $0.request.bpm = 100
        $0.request.bars = 2
      } == "bars")
    #expect(try await field { $0.request.loop = true } == "loop")
  }
}
