import AudioIO
import Foundation
import Riff
import Spectrogram
import Testing

/// Pieces of whole bars, and pieces that join their own beginning, with the bundled model.
@Suite("Bars and loops")
struct LoopTests {
  private let studio: Studio

  init() throws {
    self.studio = try Studio(
      models: [ModelLocation(name: "riff-mini", directory: TestPaths.bundledModel)], threads: 2,
      encoderName: "riffd test")
  }

  private func job(_ prompt: String, seed: UInt64 = 3) -> GenerateJob {
    var job = GenerateJob(prompt: prompt)
    job.seed = seed
    job.steps = 12
    job.quality = .draft
    job.output = .pcmFloat32
    return job
  }

  private func make(
    _ job: GenerateJob
  ) async throws -> (bytes: [UInt8], picture: SpectrogramPicture?, done: JobSummary?) {
    var (bytes, png, done) = ([UInt8](), [UInt8](), JobSummary?.none)
    for try await event in self.studio.generate(job) {
      switch event {
      case .audio(let part): bytes += part
      case .spectrogram(let file): png = file
      case .done(let summary): done = summary
      default: break
      }
    }
    return (bytes, png.isEmpty ? nil : try SpectrogramPicture(file: png), done)
  }

  private static func samples(_ bytes: [UInt8]) -> [Float] {
    bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
  }

  @Test(
    "bars are as long as bars, to the sample, whatever the tempo",
    arguments: [(117.0, 1), (120, 2), (93.75, 2), (299, 1), (31.7, 1)])
  func length(_ bpm: Double, _ bars: Int) async throws {
    for isLoop in [false, true] {
      var job = self.job("techno drum beat")
      job.steps = 1
      job.bpm = bpm
      job.bars = bars
      job.loop = isLoop
      let made = try await self.make(job)
      let expected = Int((Double(4 * bars) * 60 / bpm * 48_000).rounded())
      #expect(made.done?.sampleCount == expected)
      #expect(Self.samples(made.bytes).count == expected)
    }
  }

  @Test("a loop without bars is a whole number of latent columns long")
  func wholeColumns() async throws {
    var job = self.job("synth pad")
    job.steps = 1
    job.durationSeconds = 3
    job.loop = true
    // Nine columns of 320 ms.
    #expect(try await self.make(job).done?.sampleCount == 138_240)
  }

  /// The mean difference of two neighbouring columns, by the column that it ends with; the first one's is
  /// from the last.
  private static func steps(_ picture: SpectrogramPicture) -> [Double] {
    let (width, height) = (picture.image.width, picture.image.height)
    return (0..<width).map { column in
      let before = (column + width - 1) % width
      let sum = (0..<height).reduce(0) { sum, row in
        let place = row * width
        return sum
          + abs(
            Int(picture.image.pixels[3 * (place + column)])
              - Int(picture.image.pixels[3 * (place + before)]))
      }
      return Double(sum) / Double(height)
    }
  }

  @Test(
    "a loop's picture goes on from its last column to its first, and its sound from end to beginning",
    arguments: [("synth pad", 2), ("techno drum beat, kick", 2), ("gospel choir", 4)])
  func joint(_ prompt: String, _ bars: Int) async throws {
    // As a user makes it.
    var job = self.job(prompt)
    job.steps = nil
    job.quality = .normal
    job.bpm = 120
    job.bars = bars
    job.loop = true
    job.wantSpectrogram = true
    let loop = try await self.make(job)
    let steps = Self.steps(try #require(loop.picture))
    #expect(steps[0] <= 1.25 * (steps.dropFirst().max() ?? 0))
    let (at, inside) = try Self.flux(Self.samples(loop.bytes))
    #expect(at <= 1.02 * inside)
    // Fewer seams than a piece that is none.
    job.loop = false
    let (plain, _) = try Self.flux(Self.samples(try await self.make(job).bytes))
    #expect(at < plain)
  }

  /// The largest flux near the joints of a sound that is repeated, and elsewhere.
  private static func flux(_ sound: [Float]) throws -> (at: Double, inside: Double) {
    let parameters = SpectrogramParameters(
      sampleRate: 48_000, stepMilliseconds: 10, windowMilliseconds: 30, paddedMilliseconds: 30,
      melBins: 128, maxFrequency: 20_000)
    let mel = try SpectrogramAnalyzer(parameters).analyze([sound + sound + sound])
    let flux = (1..<mel.frames).map { frame in
      (0..<mel.bins).reduce(0.0) { sum, bin in
        let place = bin * mel.frames + frame
        // A compressed scale, on which a click's faint treble counts.
        return sum
          + Double(abs(mel.values[place].squareRoot() - mel.values[place - 1].squareRoot()))
      }
    }
    let joints = [sound.count / 480, 2 * sound.count / 480]
    func isJoint(_ frame: Int) -> Bool { joints.contains { abs(frame - $0) <= 3 } }
    let frames = 10..<flux.count - 10
    return (
      frames.filter(isJoint).map { flux[$0] }.max() ?? 0,
      frames.filter { !isJoint($0) }.map { flux[$0] }.max() ?? 0
    )
  }

  @Test("an Opus loop that ffmpeg plays twice has as many samples, and no click where it joins")
  func opus() async throws {
    var job = self.job("synth pad")
    job.bpm = 120
    job.bars = 1
    job.loop = true
    job.output = .oggOpus(bitrate: nil)
    let made = try await self.make(job)
    let sound = try AudioReader(Upload(made.bytes)).read(AudioReader.Part()).channels[0]
    #expect(sound.count == 96_000)
    let (at, inside) = try Self.flux(sound)
    #expect(at <= inside)
  }

  @Test("what has no meaning for bars and loops is refused by name")
  func refusals() async throws {
    func fields(_ change: (inout GenerateJob) -> Void) async -> [String] {
      var job = self.job("drums")
      change(&job)
      do {
        _ = try await self.make(job)
        return []
      } catch let error as JobError {
        return error.violations.map(\.field)
      } catch {
        return ["\(error)"]
      }
    }
    #expect(await fields { $0.bars = 2 } == ["bars"])
    #expect(
      await fields {
        $0.bars = 2
        $0.bpm = 120
        $0.durationSeconds = 3
      } == ["bars"])
    #expect(
      await fields {
        $0.bars = 4_501
        $0.bpm = 300
      } == ["bars"])
    #expect(
      await fields {
        $0.bars = 41
        $0.bpm = 100
        $0.loop = true
      } == ["bars"])
    #expect(
      await fields {
        $0.bars = 0
        $0.bpm = 120
      } == ["bars"])
    #expect(
      await fields {
        $0.loop = true
        $0.fadeMilliseconds = 20
      } == ["fade_ms"])
  }
}
