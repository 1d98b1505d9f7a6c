import AudioIO
import Riff
import Spectrogram
import Testing

/// Morphs with the bundled model. That embeddings, noise and masks are mixed as riffusion does it, the
/// tests of the diffusion room hold against its own numbers.
@Suite("A morph: clips in a row, from one idea to another")
struct MorphTests {
  private let studio: Studio

  init() throws {
    self.studio = try Studio(
      models: [ModelLocation(name: "riff-mini", directory: TestPaths.bundledModel)], threads: 2,
      encoderName: "riffd test")
  }

  private struct Result {
    var bytes: [UInt8] = []
    var pictures: [(column: Int, picture: SpectrogramPicture)] = []
    var windows: [(Int, Int)] = []
    var done: JobSummary?
  }

  private func request() -> GenerateJob {
    var request = GenerateJob(prompt: "")
    request.steps = 4
    request.quality = .draft
    request.width = 128
    request.output = .pcmFloat32
    request.wantSpectrogram = true
    return request
  }

  private func job(_ request: GenerateJob, file: [UInt8] = []) -> MorphJob {
    var job = MorphJob(
      request, from: MorphEnd("church bells"), to: MorphEnd("techno drum beat"), file: Upload(file))
    job.from.seed = 3
    job.to.seed = 9
    return job
  }

  private func morph(_ job: MorphJob) async throws -> Result {
    var result = Result()
    for try await event in self.studio.morph(job) {
      switch event {
      case .audio(let part): result.bytes += part
      case .windowPicture(let png, let column):
        result.pictures.append((column, try SpectrogramPicture(file: png)))
      case .spectrogram(let png): result.pictures.append((0, try SpectrogramPicture(file: png)))
      case .progress(let progress):
        if progress.window > 0,
          result.windows.last.map({ $0 != (progress.window, progress.windows) }) ?? true
        {
          result.windows.append((progress.window, progress.windows))
        }
      case .done(let done): result.done = done
      case .started, .warning, .changed: break
      }
    }
    return result
  }

  private func picture(_ prompt: String, seed: UInt64) async throws -> SpectrogramPicture {
    var job = self.request()
    job.prompt = prompt
    job.seed = seed
    job.output = nil
    for try await event in self.studio.generate(job) {
      if case .spectrogram(let png) = event { return try SpectrogramPicture(file: png) }
    }
    throw JobError(.internal, "no picture")
  }

  @Test(
    "its first and last clips are what each end makes by itself, and there is no gap between clips")
  func ends() async throws {
    var job = self.job(self.request())
    job.clips = 3
    let result = try await self.morph(job)
    #expect(result.pictures.map(\.column) == [0, 128, 256])
    let first = try await self.picture("church bells", seed: 3)
    let last = try await self.picture("techno drum beat", seed: 9)
    #expect(result.pictures.first?.picture.image == first.image)
    // The blend of embeddings adds up to the second prompt's but for rounding.
    #expect(Self.areAlike(try #require(result.pictures.last).picture, last))
    #expect(result.pictures[1].picture.image != first.image)
    #expect(result.windows.map(\.0) == [1, 2, 3] && result.windows.allSatisfy { $0.1 == 3 })
    let samples = 3 * 128 * 960
    #expect(result.done?.sampleCount == samples && result.bytes.count == 4 * samples)
  }

  @Test("the curve from position to share is riffusion's playground's")
  func power() async throws {
    var job = self.job(self.request())
    job.clips = 4
    job.power = 2
    // u = -1, -1/3, 1/3, 1: shares 0, 4/9, 5/9, 1; with power 1 they are 0, 1/3, 2/3, 1.
    let curve = try await self.morph(job)
    var straight = self.job(self.request())
    straight.clips = 10
    let straightened = try await self.morph(straight)
    for (curved, even) in [(1, 4), (2, 5)] {
      #expect(Self.areAlike(curve.pictures[curved].picture, straightened.pictures[even].picture))
    }
  }

  /// Equal but for rounding.
  private static func areAlike(_ one: SpectrogramPicture, _ other: SpectrogramPicture) -> Bool {
    let apart = zip(one.image.pixels, other.image.pixels).count { abs(Int($0) - Int($1)) > 2 }
    return apart < one.image.pixels.count / 100
  }

  @Test("one picture at a share, from a picture; without one it is refused")
  func oneShare() async throws {
    let source = try await self.picture("harp", seed: 1)
    var job = self.job(self.request(), file: try source.png())
    job.request.width = nil
    job.alpha = 0.5
    let result = try await self.morph(job)
    #expect(result.pictures.count == 1)
    var bare = self.job(self.request())
    bare.alpha = 0.5
    let refused = bare
    await #expect { _ = try await self.morph(refused) } throws: {
      ($0 as? JobError)?.field == "chunk"
    }
    var strong = self.job(self.request())
    strong.to.strength = 0.5
    let wrong = strong
    await #expect { _ = try await self.morph(wrong) } throws: {
      ($0 as? JobError)?.field == "to.strength"
    }
  }

  @Test("what is wrong with the request is told at once")
  func refused() async throws {
    var job = self.job(self.request())
    job.from.prompt = " "
    job.to.guidanceScale = 101
    job.clips = 0
    job.power = 0
    job.alpha = 2
    let refused = job
    await #expect { _ = try await self.morph(refused) } throws: { error in
      Set((error as? JobError)?.violations.map(\.field) ?? [])
        == ["from.prompt", "to.guidance_scale", "clips", "power", "alpha"]
    }
  }
}
