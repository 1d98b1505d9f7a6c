import AudioIO
import Riff
import Spectrogram
import Testing

/// Clips and pictures painted over, with the bundled model.
@Suite struct RemixTests {
  private let studio: Studio

  init() throws {
    self.studio = try Studio(
      models: [ModelLocation(name: "riff-mini", directory: TestPaths.bundledModel)], threads: 2,
      encoderName: "riffd test")
  }

  private struct Result {
    var picture: SpectrogramPicture?
    var warnings: [String] = []
    var stages: [JobStage] = []
    var done: JobSummary?
  }

  private func remix(_ job: RemixJob) async throws -> Result {
    var result = Result()
    for try await event in self.studio.remix(job) {
      switch event {
      case .spectrogram(let png): result.picture = try SpectrogramPicture(file: png)
      // Strength 0 keeps the picture, on purpose.
      case .warning(let text) where text.hasPrefix("strength: 0.0 "): break
      case .warning(let text): result.warnings.append(text)
      case .progress(let progress):
        if result.stages.last != progress.stage { result.stages.append(progress.stage) }
      case .done(let done): result.done = done
      case .started, .audio, .changed: break
      }
    }
    return result
  }

  private func job(_ file: [UInt8], strength: Double) -> RemixJob {
    var request = GenerateJob(prompt: "a violin solo")
    request.seed = 4
    request.steps = 4
    request.wantSpectrogram = true
    request.output = nil
    var job = RemixJob(request, file: file)
    job.strength = strength
    return job
  }

  /// Two seconds of a tone, as a 16-bit WAV file at 44,100 Hz.
  private static let tone = WAVFile.tone(hertz: 440, seconds: 2, sampleRate: 44_100)

  private static func picture(
    width: Int, height: Int, stepMilliseconds: Int, maxFrequency: Int = 10_000
  ) throws -> SpectrogramPicture {
    // A dark row at a quarter of the height, as a held tone would be.
    var pixels = [UInt8](repeating: 255, count: 3 * width * height)
    for index in 3 * width * (height / 4)..<3 * width * (height / 4 + height / 32) {
      pixels[index] = 0
    }
    var parameters = SpectrogramParameters()
    parameters.stepMilliseconds = stepMilliseconds
    parameters.maxFrequency = maxFrequency
    return try SpectrogramPicture(
      image: RasterImage(width: width, height: height, pixels: pixels), parameters: parameters,
      maximum: 1e6)
  }

  private static func darkestRow(_ picture: SpectrogramPicture, columns: Range<Int>) -> Int? {
    let width = picture.image.width
    return (0..<picture.image.height).min { one, other in
      func sum(_ row: Int) -> Int {
        columns.reduce(0) { $0 + Int(picture.image.pixels[3 * (row * width + $1)]) }
      }
      return sum(one) < sum(other)
    }
  }

  @Test func aClipAtStrengthZeroIsItsOwnSpectrogram() async throws {
    let result = try await self.remix(self.job(Self.tone, strength: 0))
    let picture = try #require(result.picture)
    #expect(result.stages.contains(.encoding) && !result.stages.contains(.denoising))
    #expect(result.done?.seed == 4)
    #expect(picture.image.width == 256 && picture.image.height == 256)
    // 440 Hz lies at mel 549.6 of 3,073 at 10 kHz: row 256 · (1 − 0.179) from the top.
    let row = try #require(Self.darkestRow(picture, columns: 10..<90))
    #expect((205...213).contains(row), "row \(row)")
    // The clip ends after 100 columns of 20 ms; silence follows, up to what patches leave.
    let after = (120..<256).map { picture.image.pixels[3 * (row * 256 + $0)] }
    #expect(after.allSatisfy { $0 > 200 })
  }

  @Test func theStrengthDecidesHowMuchIsLeft() async throws {
    let kept = try #require(try await self.remix(self.job(Self.tone, strength: 0)).picture)
    func distance(_ strength: Double) async throws -> Int {
      let other = try #require(
        try await self.remix(self.job(Self.tone, strength: strength)).picture)
      return zip(kept.image.pixels, other.image.pixels).reduce(0) {
        $0 + abs(Int($1.0) - Int($1.1))
      }
    }
    let little = try await distance(0.25)
    let much = try await distance(1)
    #expect(0 < little && little < much, "\(little) \(much)")
  }

  @Test func aPictureKeepsItsTimeAndItsPitch() async throws {
    // 10 ms a column against the model's 20, 512 rows against 256; 330 / 2 = 165 columns are
    // squeezed into 160.
    let source = try Self.picture(width: 330, height: 512, stepMilliseconds: 10)
    let result = try await self.remix(self.job(source.png(), strength: 0))
    let picture = try #require(result.picture)
    #expect(picture.image.width == 160 && picture.image.height == 256)
    #expect(result.warnings.isEmpty)
    let row = try #require(Self.darkestRow(picture, columns: 0..<160))
    #expect((64..<72).contains(row), "row \(row)")
  }

  @Test func aLengthThatIsAskedForCutsOrPads() async throws {
    let source = try Self.picture(width: 200, height: 256, stepMilliseconds: 20)
    for (width, end) in [(96, 96), (320, 200)] {
      var job = self.job(try source.png(), strength: 0)
      job.request.width = width
      let picture = try #require(try await self.remix(job).picture)
      #expect(picture.image.width == width && picture.image.height == 256)
      let line = (0..<width).map { picture.image.pixels[3 * (68 * width + $0)] }
      #expect(line[..<(end - 8)].allSatisfy { $0 < 60 }, "\(line)")
      #expect(line[min(end + 8, width)...].allSatisfy { $0 > 200 }, "\(line)")
    }
  }

  @Test func anotherScaleIsWarnedOf() async throws {
    let source = try Self.picture(
      width: 64, height: 256, stepMilliseconds: 20, maxFrequency: 8_000)
    let result = try await self.remix(self.job(source.png(), strength: 0))
    #expect(result.warnings.count == 1 && result.warnings[0].contains("8000 Hz"))
  }

  @Test func aPictureThatDoesNotSayHowItWasMadeIsWarnedOf() async throws {
    let source = try Self.picture(width: 100, height: 256, stepMilliseconds: 10)
    let plain = try PNGCodec.encode(TaggedImage(image: source.image))
    let result = try await self.remix(self.job(plain, strength: 0))
    #expect(result.warnings.count == 1 && result.warnings[0].contains("EXIF"))
    #expect(result.picture?.image.width == 32)
  }

  @Test func soundIsAsLongAsThePicture() async throws {
    var job = self.job(Self.tone, strength: 0.5)
    job.request.output = .oggOpus(bitrate: nil)
    job.request.durationSeconds = 1.5
    let result = try await self.remix(job)
    #expect(result.done?.sampleCount == 72_000)
    #expect(result.picture?.image.width == 80)
  }

  @Test(arguments: [
    ("chunk", [UInt8](), 0.5), ("file", Array("no sound at all".utf8), 0.5),
    ("strength", tone, .nan), ("strength", tone, 1.5), ("strength", tone, -0.5),
  ])
  func badRequestsAreRefused(field: String, file: [UInt8], strength: Double) async throws {
    let error = await #expect(throws: JobError.self) {
      try await self.remix(self.job(file, strength: strength))
    }
    guard case .invalidArgument(let named) = error?.kind else {
      Issue.record("\(String(describing: error))")
      return
    }
    if field == "strength" { #expect(named == field) }
  }

  @Test func aPictureTooSmallIsRefused() async throws {
    let source = try Self.picture(width: 20, height: 64, stepMilliseconds: 20)
    let error = await #expect(throws: JobError.self) {
      try await self.remix(self.job(source.png(), strength: 0.5))
    }
    #expect(error?.kind == .invalidArgument(field: "chunk"))
  }
}
