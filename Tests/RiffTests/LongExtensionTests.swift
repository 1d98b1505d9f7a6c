import AudioIO
import Foundation
import Riff
import Spectrogram
import Testing

/// Clips that go on for longer than what the model paints at once, with a copy of the bundled one that is told
/// to paint 10.24 s at most.
@Suite("A clip that goes on for longer than a picture")
struct LongExtensionTests {
  private let model: NarrowModel
  private let studio: Studio

  init() throws {
    self.model = try NarrowModel()
    self.studio = try self.model.studio()
  }

  private struct Result {
    /// (channel, sample) at 48 kHz.
    var sound: [[Float]] = []
    var pictures: [(column: Int, picture: SpectrogramPicture)] = []
    /// The last window that had been begun.
    var window = 0
    /// The same when the first sound came.
    var windowAtFirstSound: Int?
    var done: JobSummary?

    var columns: Int { self.pictures.reduce(0) { $0 + $1.picture.frames } }
  }

  private func remix(_ job: RemixJob) async throws -> Result {
    var (result, bytes) = (Result(), [UInt8]())
    for try await event in self.studio.remix(job) {
      switch event {
      case .audio(let part):
        if bytes.isEmpty { result.windowAtFirstSound = result.window }
        bytes += part
      case .windowPicture(let png, let column):
        result.pictures.append((column, try SpectrogramPicture(file: png)))
      case .progress(let progress): result.window = max(result.window, progress.window)
      case .done(let done): result.done = done
      case .started, .warning, .changed, .spectrogram: break
      }
    }
    let channels = result.done?.channelCount ?? 1
    let samples = bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    result.sound = (0..<channels).map { channel in
      stride(from: channel, to: samples.count, by: channels).map { samples[$0] }
    }
    return result
  }

  /// Seven seconds and some samples at 48 kHz: drums on one side, a chord on the other.
  private static let clip: [[Float]] = TestSound.stereo.samples().map {
    Array(($0 + $0).prefix(7 * 48_000 + 77))
  }

  private func job(
    _ seconds: Double, before: Bool, _ sound: [[Float]] = clip, rate: Int = 48_000
  ) -> RemixJob {
    var request = GenerateJob(prompt: "techno drum beat")
    request.model = "narrow"
    request.seed = 4
    request.steps = 3
    request.quality = .draft
    request.output = .pcmFloat32
    request.wantSpectrogram = true
    var job = RemixJob(request, file: WAVFile.floats(sound, sampleRate: rate))
    job.span = RemixJob.Span()
    job.extendSeconds = seconds
    job.extendsBefore = before
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

  @Test(
    "what is added is exact to the sample, in the first window's wake, and the clip stays",
    arguments: [false, true])
  func goesOn(_ isBefore: Bool) async throws {
    let result = try await self.remix(self.job(30.0007, before: isBefore))
    let (own, added) = (Self.clip[0].count, 1_440_034)
    #expect(result.sound.map(\.count) == [own + added, own + added])
    #expect(result.done?.sampleCount == own + added)
    for (made, clip) in zip(result.sound, Self.clip) {
      if isBefore {
        #expect(Array(made[(added + 2_880)...]) == Array(clip[2_880...]))
      } else {
        #expect(Array(made[..<(own - 2_880)]) == Array(clip[..<(own - 2_880)]))
      }
    }
    // The first sound comes after the first window.
    #expect(result.windowAtFirstSound == 1)
    #expect(result.window > 5)
    // Pictures lie side by side; 128 columns of them are the clip's.
    var end = 0
    for (column, picture) in result.pictures {
      #expect(column == end)
      end += picture.frames
    }
    // 1,501 columns are added, and before the clip no more than a beat.
    #expect(isBefore ? (1_629...1_660).contains(end) : end == 1_629, "\(end)")
    // As loud as the clip, on and on, and no hole where the two meet.
    let near =
      isBefore
      ? Self.clip.map { $0.prefix(120_000) } : Self.clip.map { $0.suffix(120_000) }
    let clipLevel = Self.level(near.joined())
    for start in stride(from: 0, to: added - 96_000, by: 96_000) {
      let place = isBefore ? start : own + start
      let level = Self.level(result.sound.map { $0[place..<place + 96_000] }.joined())
      #expect(abs(level - clipLevel) < 12, "\(start / 48_000) s: \(level) and \(clipLevel)")
    }
    let middle = isBefore ? added : own
    for start in stride(from: middle - 12_000, to: middle + 12_000, by: 4_800) {
      let piece = result.sound.map { $0[start..<start + 4_800] }.joined()
      #expect(Self.level(piece) > clipLevel - 20)
    }
  }

  @Test("what leads to a clip keeps to the clip's beat, and ends in the clip's beginning")
  func leadIn() async throws {
    let drums = TestSound.drums.samples()
    var job = self.job(20, before: true, drums, rate: 44_100)
    job.request.prompt += ", 120 bpm"
    let long = try await self.remix(job)
    // A beat is 25 columns. Windows begin on the clip's.
    let end = long.columns - 128
    let starts = long.pictures.dropFirst().map { end - $0.column }
    #expect(starts.count > 3)
    let first = try #require(starts.first)
    #expect(starts.allSatisfy { [0, 1, 24].contains((first - $0) % 25) }, "\(starts)")
    // What is one picture is painted backwards, and ends alike.
    job.extendSeconds = 5
    let short = try await self.remix(job)
    #expect(short.pictures.count == 1)
    func last(_ result: Result) -> [UInt8] {
      guard let picture = result.pictures.last?.picture else { return [] }
      return picture.image.columns(last: 32)
    }
    let isEqual = last(long) == last(short) && !last(short).isEmpty
    #expect(isEqual)
  }

  @Test("a clip of one latent column goes on for as long, too", arguments: [false, true])
  func shortClip(_ isBefore: Bool) async throws {
    let clip = [Array(Self.clip[0].prefix(16_000))]
    let result = try await self.remix(self.job(12, before: isBefore, clip))
    #expect(result.sound.map(\.count) == [592_000])
    #expect(result.windowAtFirstSound == 1)
  }

  @Test(
    "a silent clip goes on as loud as music is made; what is one picture is painted backwards",
    arguments: [(false, 12), (true, 12), (true, 5)])
  func silence(_ isBefore: Bool, seconds: Int) async throws {
    let result = try await self.remix(
      self.job(Double(seconds), before: isBefore, [[Float](repeating: 0, count: 96_000)]))
    let count = seconds * 48_000 - 16_000
    let new = isBefore ? result.sound[0].prefix(count) : result.sound[0].suffix(count)
    #expect((-30 ..< -8).contains(Self.level(new)), "\(Self.level(new))")
  }

  @Test("cancelling ends it within a unit, whichever window it is at", arguments: [false, true])
  func cancelling(_ isBefore: Bool) async throws {
    var job = self.job(3_600, before: isBefore)
    job.request.wantSpectrogram = false
    try await self.studio.expectCancelling(self.studio.remix(job), atWindow: 3)
  }

  @Test("an hour is the most, and ten minutes of pictures")
  func limits() async throws {
    func refusal(_ job: RemixJob) async -> JobError? {
      await #expect(throws: JobError.self) { _ = try await self.remix(job) }
    }
    let long = await refusal(self.job(3_600.01, before: false))
    #expect(long?.field == "extend_seconds")
    #expect(long?.message.contains("at most 3600, not 3600.01") == true, "\(long?.message ?? "")")
    let pictures = await refusal(self.job(601, before: true))
    #expect(pictures?.field == "want_spectrogram", "\(pictures?.message ?? "")")
  }
}

extension RasterImage {
  /// The red of its last columns, a column after another.
  fileprivate func columns(last count: Int) -> [UInt8] {
    (self.width - count..<self.width).flatMap { column in
      (0..<self.height).map { self.pixels[3 * ($0 * self.width + column)] }
    }
  }
}
