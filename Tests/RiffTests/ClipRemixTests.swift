import AudioIO
import Foundation
import Provenance
import Riff
import Spectrogram
import Testing

/// Clips remixed as a whole, window by window, with the bundled model.
@Suite("A whole clip, remixed")
struct ClipRemixTests {
  private let studio: Studio

  init() throws {
    self.studio = try Studio(
      models: [ModelLocation(name: "riff-mini", directory: TestPaths.bundledModel)], threads: 2,
      encoderName: "riffd test")
  }

  private struct Result {
    /// (channel, sample) at 48 kHz.
    var sound: [[Float]] = []
    var warnings: [String] = []
    /// First columns and widths of the pictures, and the windows that progress told of.
    var pictures: [Range<Int>] = []
    var windows: [Int] = []
    var done: JobSummary?
  }

  private func remix(_ job: RemixJob) async throws -> Result {
    var (result, bytes) = (Result(), [UInt8]())
    for try await event in self.studio.remix(job) {
      switch event {
      case .audio(let part): bytes += part
      case .warning(let text): result.warnings.append(text)
      case .done(let done): result.done = done
      case .windowPicture(let png, let column):
        result.pictures.append(column..<column + (try SpectrogramPicture(file: png).frames))
      case .progress(let progress):
        if result.windows.last ?? 0 != progress.window { result.windows.append(progress.window) }
      case .spectrogram, .started, .changed: break
      }
    }
    let channels = result.done?.channelCount ?? 1
    let samples = bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    result.sound = (0..<channels).map { channel in
      stride(from: channel, to: samples.count, by: channels).map { samples[$0] }
    }
    return result
  }

  private func job(
    _ sound: [[Float]], rate: Int, strength: Double, span: RemixJob.Span = RemixJob.Span()
  ) throws -> RemixJob {
    var request = GenerateJob(prompt: "a violin solo")
    request.seed = 4
    request.steps = 4
    request.quality = .draft
    request.output = .pcmFloat32
    var job = RemixJob(request, file: WAVFile.floats(sound, sampleRate: rate))
    job.strength = strength
    job.span = span
    return job
  }

  /// Twelve seconds and some samples, three windows: drums on one side, a chord on the other.
  private static func clip(rate: Int = 44_100) -> [[Float]] {
    let sound = TestSound.stereo.samples()
    return sound.map { Array(($0 + $0 + $0).prefix(12 * rate + 123)) }
  }

  private static func level(_ sound: some Sequence<Float>) -> Double {
    var (sum, count) = (0.0, 0.0)
    for sample in sound {
      sum += Double(sample) * Double(sample)
      count += 1
    }
    return 10 * log10(max(1e-20, sum / max(1, count)))
  }

  @Test("strength 0 is the clip in both channels, at the best single gain, and as long")
  func strengthZero() async throws {
    let clip = Self.clip()
    let result = try await self.remix(self.job(clip, rate: 44_100, strength: 0))
    let own = try StreamResampler.resample(
      AudioClip(sampleRate: 44_100, channels: clip), to: 48_000)
    #expect(result.done?.sampleCount == own.sampleCount)
    #expect(result.sound.count == 2)
    for (made, own) in zip(result.sound, own.channels) {
      try #require(made.count == own.count)
      let (mo, oo) = zip(made, own).reduce((0.0, 0.0)) {
        ($0.0 + Double($1.0) * Double($1.1), $0.1 + Double($1.1) * Double($1.1))
      }
      let gain = Float(mo / oo)
      #expect(Self.level(zip(made, own).map { $0 - gain * $1 }) < Self.level(made) - 60)
    }
  }

  @Test("painted over, it is as long and about as loud, and its beat stays where it was")
  func paintedOver() async throws {
    let clip = Self.clip()
    let result = try await self.remix(self.job(clip, rate: 44_100, strength: 0.6))
    let own = try StreamResampler.resample(
      AudioClip(sampleRate: 44_100, channels: clip), to: 48_000
    ).channels
    #expect(result.sound.map(\.count) == own.map(\.count))
    #expect(abs(Self.level(result.sound.joined()) - Self.level(own.joined())) < 6)
    let apart = zip(result.sound[0], own[0]).map { $0 - $1 }
    #expect(Self.level(apart) > Self.level(own[0]) - 20, "nothing was painted")
    // Drums four a second.
    let parameters = SpectrogramParameters(
      sampleRate: 48_000, stepMilliseconds: 10, windowMilliseconds: 46, paddedMilliseconds: 46,
      melBins: 80)
    func grid(_ sound: [Float]) throws -> BeatGrid {
      let mel = try SpectrogramAnalyzer(parameters).analyze([sound])
      return try #require(BeatGrid(OnsetEnvelope(mel, parameters: parameters), bpm: 120))
    }
    let (before, after) = (try grid(own[0]), try grid(result.sound[0]))
    #expect(abs(after.nearest(to: before.first) - before.first) < 0.02)
  }

  @Test("a part of it, from one prompt to another, its own sound not kept")
  func part() async throws {
    var job = try self.job(
      Self.clip(), rate: 44_100, strength: 0.7,
      span: RemixJob.Span(startSeconds: 1, durationSeconds: 7.5))
    job.toPrompt = "techno"
    let kept = try await self.remix(job)
    #expect(kept.sound.map(\.count) == [360_000, 360_000])
    job = try self.job(
      Self.clip(), rate: 44_100, strength: 0.7,
      span: RemixJob.Span(startSeconds: 1, durationSeconds: 7.5))
    job.keepsGroove = false
    let pictures = try await self.remix(job)
    #expect(pictures.sound.map(\.count) == [360_000, 360_000])
    // One picture for both channels.
    #expect(pictures.sound[0] == pictures.sound[1])
    #expect(kept.sound[0] != kept.sound[1])
  }

  @Test("its pictures come window by window, each where the one before ended")
  func pictures() async throws {
    var job = try self.job(Self.clip(), rate: 44_100, strength: 0.5)
    job.request.wantSpectrogram = true
    let result = try await self.remix(job)
    #expect(result.windows == [1, 2, 3])
    #expect(result.pictures.count == 3 && result.pictures.first?.lowerBound == 0)
    for (one, next) in zip(result.pictures, result.pictures.dropFirst()) {
      #expect(one.upperBound == next.lowerBound)
    }
    // 12 s and some samples, in columns of 20 ms.
    #expect(result.pictures.last?.upperBound == 601)
  }

  @Test("50 ms and silence are remixed; a picture is painted over as one window, with a warning")
  func odd() async throws {
    for count in [1, 2_205] {
      let sound = [Self.clip()[0].suffix(count).map { $0 }]
      let result = try await self.remix(self.job(sound, rate: 44_100, strength: 0.6))
      #expect(
        result.sound[0].count == StreamResampler.outputCount(count, from: 44_100, to: 48_000))
    }
    let silence = [[Float](repeating: 0, count: 8_000)]
    let quiet = try await self.remix(self.job(silence, rate: 8_000, strength: 0))
    #expect(quiet.sound[0].count == 48_000 && quiet.sound[0].allSatisfy { $0 == 0 })
    let painted = try await self.remix(self.job(silence, rate: 8_000, strength: 0.6))
    #expect(painted.sound[0].count == 48_000 && painted.sound[0].allSatisfy(\.isFinite))
    let error = await #expect(throws: JobError.self) {
      try await self.remix(self.job([[]], rate: 8_000, strength: 0.6))
    }
    #expect(error?.message.contains("no samples") == true, "\(String(describing: error))")
    var job = try self.job(silence, rate: 8_000, strength: 0.5)
    job.file = Upload(try TestSound.tone.picture().png())
    let picture = try await self.remix(job)
    #expect(picture.warnings.contains { $0.contains("groove") })
  }

  @Test("a mask keeps what is black, and says what is wrong with it")
  func mask() async throws {
    func pixels(_ mask: [UInt8]) async throws -> [UInt8] {
      var job = try self.job(Self.clip(), rate: 44_100, strength: 0.9)
      job.span = nil
      job.request.output = nil
      job.request.steps = 20
      job.mask = mask
      var png: [UInt8] = []
      for try await event in self.studio.remix(job) {
        if case .spectrogram(let bytes) = event { png = bytes }
      }
      return try SpectrogramPicture(file: png).image.pixels
    }
    // The left half stays.
    var grey = [UInt8](repeating: 255, count: 3 * 256 * 256)
    for pixel in 0..<256 * 256 where pixel % 256 < 128 {
      for component in 0..<3 { grey[3 * pixel + component] = 0 }
    }
    let mask = try PNGCodec.encode(
      TaggedImage(image: RasterImage(width: 256, height: 256, pixels: grey)))
    let masked = try await pixels(mask)
    let free = try await pixels([])
    var unchanged = try self.job(Self.clip(), rate: 44_100, strength: 0)
    unchanged.span = nil
    unchanged.request.output = nil
    var own: [UInt8] = []
    for try await event in self.studio.remix(unchanged) {
      if case .spectrogram(let bytes) = event {
        own = try SpectrogramPicture(file: bytes).image.pixels
      }
    }
    func distance(_ a: [UInt8], _ b: [UInt8], _ columns: Range<Int>) -> Int {
      (0..<256 * 256).reduce(0) { sum, pixel in
        columns.contains(pixel % 256) ? sum + abs(Int(a[3 * pixel]) - Int(b[3 * pixel])) : sum
      }
    }
    #expect(distance(masked, own, 0..<112) * 5 < distance(free, own, 0..<112))
    #expect(distance(masked, own, 144..<256) * 3 > distance(free, own, 144..<256))

    let error = await #expect(throws: JobError.self) { try await pixels([1, 2, 3]) }
    #expect(error?.kind == .invalidArgument(field: "mask"))
  }

  @Test("a mask of another size is resized, and that is said")
  func anotherMask() async throws {
    let mask = try PNGCodec.encode(
      TaggedImage(
        image: RasterImage(
          width: 95, height: 31, pixels: [UInt8](repeating: 255, count: 3 * 95 * 31))))
    var job = try self.job(Self.clip(), rate: 44_100, strength: 0.5)
    job.span = nil
    job.mask = mask
    #expect(
      try await self.remix(job).warnings.contains(
        "mask: the mask has 95 × 31 pixels and the picture 256 × 256, so it was resized"))
  }

  @Test("without a strength, a clip is painted over as far as suits the model")
  func ownStrength() async throws {
    func strength(_ change: (inout RemixJob) -> Void) async throws -> String? {
      var job = try self.job([[0, 0.5, 0]], rate: 8_000, strength: 0)
      job.strength = nil
      change(&job)
      for try await event in self.studio.remix(job) {
        guard case .started(let start) = event else { continue }
        return start.recipe.settings.first { $0.name == "strength" }?.value
      }
      return nil
    }
    guard case .success(let details) = try await self.studio.models()[0].details else {
      Issue.record("riff-mini cannot be used")
      return
    }
    #expect(try await strength { _ in } == "\(details.remixStrength)")
    #expect(try await strength { $0.span = nil } == "0.75")
  }

  @Test("what cannot be is refused by the name of its field")
  func refused() async throws {
    func field(_ change: (inout RemixJob) -> Void) async throws -> String? {
      var job = try self.job([[0, 0.5, 0]], rate: 8_000, strength: 0.5)
      change(&job)
      let changed = job
      let error = await #expect(throws: JobError.self) { try await self.remix(changed) }
      return error?.field
    }
    #expect(try await field { $0.span?.startSeconds = -1 } == "span.start_seconds")
    #expect(try await field { $0.span?.durationSeconds = 0 } == "span.duration_seconds")
    #expect(try await field { $0.span?.durationSeconds = .nan } == "span.duration_seconds")
    #expect(try await field { $0.span?.durationSeconds = 3_601 } == "span.duration_seconds")
    #expect(try await field { $0.span?.startSeconds = 5 } == "start_seconds")
    #expect(try await field { $0.strength = -0.1 } == "strength")
    #expect(try await field { $0.strength = 1.1 } == "strength")
    #expect(try await field { $0.strength = .nan } == "strength")
    #expect(try await field { $0.mask = [1] } == "mask")
    #expect(try await field { $0.request.durationSeconds = 3 } == "duration_seconds")
    #expect(try await field { $0.request.output = nil } == "output")
    #expect(
      try await field {
        $0.span = nil
        $0.toPrompt = "techno"
      } == "to_prompt")
  }
}
