import AudioIO
import Foundation
import Riff
import Spectrogram
import Testing

/// Pieces that are longer than what the model paints at once: the bundled one, and a copy that is told to
/// paint 10.24 s at most.
@Suite("A piece that is longer than a picture")
struct LongPieceTests {
  private let model: NarrowModel
  private let studio: Studio

  init() throws {
    self.model = try NarrowModel()
    self.studio = try self.model.studio()
  }

  private struct Result {
    var sound: [Float] = []
    var pictures: [(column: Int, picture: SpectrogramPicture)] = []
    /// Windows that progress told of, each once, and how many there were said to be.
    var windows: [(number: Int, count: Int)] = []
    /// Windows that had been begun when the first sound came.
    var windowsAtFirstSound: Int?
    var done: JobSummary?

    /// The columns of the whole picture, one after another.
    var columns: [[UInt8]] {
      pictures.flatMap { _, picture in
        (0..<picture.frames).map { column in
          (0..<picture.bins).map { picture.image.pixels[3 * ($0 * picture.frames + column)] }
        }
      }
    }
  }

  private func make(_ job: GenerateJob) async throws -> Result {
    var (result, bytes) = (Result(), [UInt8]())
    for try await event in self.studio.generate(job) {
      switch event {
      case .audio(let part):
        if bytes.isEmpty { result.windowsAtFirstSound = result.windows.last?.number }
        bytes += part
      case .windowPicture(let png, let column):
        result.pictures.append((column, try SpectrogramPicture(file: png)))
      case .spectrogram(let png): result.pictures.append((0, try SpectrogramPicture(file: png)))
      case .progress(let progress):
        if progress.stage == .denoising, result.windows.last?.number != progress.window {
          result.windows.append((progress.window, progress.windows))
        }
      case .done(let done): result.done = done
      case .started, .warning, .changed: break
      }
    }
    result.sound = bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    return result
  }

  private func job(_ seconds: Double, model: String = "narrow") -> GenerateJob {
    var job = GenerateJob(prompt: "techno drum beat, 120 bpm")
    job.model = model
    job.seed = 5
    job.steps = 3
    job.quality = .draft
    job.durationSeconds = seconds
    job.output = .pcmFloat32
    job.wantSpectrogram = true
    return job
  }

  @Test("it is as long as asked, and plays from the first window on")
  func oneStream() async throws {
    let made = try await self.make(self.job(30.3))
    #expect(made.sound.count == 1_454_400 && made.done?.sampleCount == 1_454_400)
    #expect(made.sound.allSatisfy { abs($0) <= 1 })
    // Its pictures lie side by side: 1,515 columns, in whole latent columns.
    var end = 0
    for (column, picture) in made.pictures {
      #expect(column == end)
      end += picture.frames
    }
    #expect(end == 1_520)
    #expect(made.windowsAtFirstSound == 1)
    #expect(made.windows.map(\.number) == Array(1...made.windows.count))
    #expect(made.windows.count == made.pictures.count)
    // From the second on it is known how many there are.
    #expect(made.windows.dropFirst().allSatisfy { $0.count == made.windows.count })
    // There is sound in each second but those that are trimmed.
    for start in stride(from: 0, to: made.sound.count - 48_000, by: 48_000) {
      let power = made.sound[start..<start + 48_000].reduce(0) { $0 + $1 * $1 } / 48_000
      #expect(power > 1e-5, "at \(start / 48_000) s")
    }
  }

  @Test("it begins as a shorter one that is one picture, and its end changes nothing long before")
  func beginning() async throws {
    let long = try await self.make(self.job(30.3))
    // Of the other model of the same weights this length is one picture.
    var job = self.job(20, model: "riff-mini")
    job.output = nil
    let one = try await self.make(job)
    try #require(one.pictures.count == 1 && one.pictures[0].picture.frames == 1_008)
    // Seven beats of 25 columns lie between two windows of 256: from here on another window fades in.
    let starts = long.pictures.map(\.column)
    let end = min(1_008, try #require(starts.first { $0 >= 1_008 - 256 + 175 }))
    let isSame = one.columns.prefix(end) == long.columns.prefix(end)
    #expect(isSame)
    // What comes later is not heard seconds before.
    let shorter = try await self.make(self.job(25)).sound
    let isEqual = shorter.prefix(19 * 48_000) == long.sound.prefix(19 * 48_000)
    #expect(isEqual)
  }

  @Test("its windows begin on the beat of the first, or without a beat where enough is kept")
  func windows() async throws {
    var job = self.job(20)
    job.output = nil
    let drums = try await self.make(job)
    // A beat is 25 columns; the first is where the first window has it.
    let starts = drums.pictures.dropFirst().map(\.column)
    #expect(starts.allSatisfy { ($0 - starts[0]) % 25 == 0 })
    #expect(Set(zip(starts.dropFirst(), starts).map { $0 - $1 }) == [175])
    job.prompt = "ambient synth pad"
    job.steps = 4
    job.seed = 1
    let pad = try await self.make(job)
    // Windows of 256 columns that keep 64.
    #expect(pad.pictures.map(\.column) == Array(stride(from: 0, to: 960, by: 192)))
  }

  /// How alike two sounds are, however loud each is, 1 at most.
  private static func likeness(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> Double {
    var (aa, bb, ab) = (0.0, 0.0, 0.0)
    for (x, y) in zip(a, b) {
      aa += Double(x) * Double(x)
      bb += Double(y) * Double(y)
      ab += Double(x) * Double(y)
    }
    return ab / max(1e-30, (aa * bb).squareRoot())
  }

  @Test("bars are as long as bars, to the sample, and play on the beat from the first window on")
  func bars() async throws {
    var job = self.job(1)
    job.durationSeconds = nil
    job.prompt = "techno drum beat"
    job.bpm = 117
    job.bars = 12
    let made = try await self.make(job)
    // 48 beats of 60 / 117 s.
    #expect(made.sound.count == 1_181_538 && made.done?.sampleCount == 1_181_538)
    #expect(made.windowsAtFirstSound == 1)
    // They are drawn on 77 latent columns: a beat is 25.67 columns.
    #expect(made.pictures.reduce(0) { $0 + $1.picture.frames } == 1_232)
    let starts = made.pictures.dropFirst().map { Double($0.column) }
    let first = try #require(starts.first)
    for start in starts {
      let beats = (start - first) / (1_232.0 / 48)
      #expect(abs(beats - beats.rounded()) * 1_232 / 48 <= 1)
    }
    // Of the other model of the same weights they are one picture, which is played at the same pace.
    job.model = "riff-mini"
    let one = try await self.make(job)
    try #require(one.pictures.count == 1 && one.sound.count == made.sound.count)
    for end in [4 * 48_000, 22 * 48_000] {
      let range = end - 2 * 48_000..<end
      #expect(Self.likeness(made.sound[range], one.sound[range]) > 0.98)
    }
  }

  @Test("cancelling ends it within a unit, whichever window it is at")
  func cancelling() async throws {
    var job = self.job(3_600)
    job.wantSpectrogram = false
    try await self.studio.expectCancelling(self.studio.generate(job), atWindow: 3)
  }

  @Test("an hour is the most; a loop, and what is painted over, is one picture")
  func limits() async throws {
    func refusal(_ job: GenerateJob) async -> JobError? {
      await #expect(throws: JobError.self) { _ = try await self.make(job) }
    }
    var error = await refusal(self.job(3_600.01))
    #expect(error?.kind == .invalidArgument(field: "duration_seconds"))
    #expect(error?.message.contains("at most 3600,") == true, "\(error?.message ?? "")")
    var loop = self.job(10.3)
    loop.loop = true
    error = await refusal(loop)
    #expect(error?.kind == .invalidArgument(field: "duration_seconds"))
    #expect(
      error?.message.contains("at most 10.24 for a loop of this model") == true,
      "\(error?.message ?? "")")
    var bars = self.job(1)
    bars.durationSeconds = nil
    bars.bpm = 120
    bars.bars = 1_801
    error = await refusal(bars)
    #expect(error?.kind == .invalidArgument(field: "bars"))
    #expect(
      error?.message.hasPrefix("bars must be at most 1800 at 120.0 beats a minute, not") == true,
      "\(error?.message ?? "")")
    bars.bars = 8
    bars.loop = true
    error = await refusal(bars)
    #expect(error?.kind == .invalidArgument(field: "bars"))
    #expect(
      error?.message.contains("at most 5 at 120.0 beats a minute for a loop of this model") == true,
      "\(error?.message ?? "")")
    let tone = WAVFile.tone(hertz: 440, seconds: 1, sampleRate: 24_000)
    let remix = self.studio.remix(RemixJob(self.job(10.3), file: tone))
    error = await #expect(throws: JobError.self) { for try await _ in remix {} }
    #expect(error?.kind == .invalidArgument(field: "duration_seconds"))
    #expect(
      error?.message.contains("at most 10.24 for one window of this model") == true,
      "\(error?.message ?? "")")
  }
}
