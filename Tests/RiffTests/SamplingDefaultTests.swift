import AudioIO
import Diffusion
import Foundation
import Provenance
import Riff
import Spectrogram
import Testing

/// A model whose card says which sampler it has and which steps have guidance, against the model by itself that is
/// asked for the same.
@Suite("A model's own sampler and interval of guidance")
struct SamplingDefaultTests {
  private static let steps = 8
  private static let scheduler = SchedulerName.dpmSolver
  private static let own = GuidanceInterval(start: 0.25, stop: 0.5)

  private func withStudio(_ body: (Studio) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "riff-guidance-\(UUID().uuidString)")
    try FileManager.default.copyItem(atPath: TestPaths.numberedModel, toPath: folder.path)
    defer { try? FileManager.default.removeItem(at: folder) }
    let card = """
      {"spectrogram": {"sample_rate": 24000, "step_ms": 20, "window_ms": 80, "padded_ms": 160,
                       "mel_bins": \(ToldModels.height)},
       "defaults": {"steps": \(Self.steps), "guidance_scale": \(ToldModels.guidanceScale),
                    "guidance_start": \(Self.own.start), "guidance_stop": \(Self.own.stop),
                    "scheduler": "\(Self.scheduler.rawValue)",
                    "width": \(ToldModels.width), "height": \(ToldModels.height)}}
      """
    try Data(card.utf8).write(to: folder.appending(path: "riff.json"))
    try await body(
      Studio(
        models: [ModelLocation(name: "own", directory: folder.path)], threads: 2,
        encoderName: "riffd test"))
  }

  private func paint(_ studio: Studio, _ change: (inout GenerateJob) -> Void = { _ in })
    async throws -> (reds: [[UInt8]], settings: [String?])
  {
    let made = try await self.make(studio.generate(self.job(change)))
    return (made.picture.image.reds, made.settings)
  }

  private func job(_ change: (inout GenerateJob) -> Void = { _ in }) -> GenerateJob {
    var job = GenerateJob(prompt: "bells")
    job.seed = 5
    job.output = nil
    change(&job)
    return job
  }

  private func make(_ events: JobEvents) async throws -> (
    picture: SpectrogramPicture, png: [UInt8], settings: [String?]
  ) {
    var bytes: [UInt8] = []
    var settings: [String?] = []
    for try await event in events {
      switch event {
      case .started(let start):
        settings = ["scheduler", "guidance_start", "guidance_stop"].map { start.recipe[$0] }
      case .spectrogram(let png): bytes = png
      default: break
      }
    }
    return (try SpectrogramPicture(file: bytes), bytes, settings)
  }

  private func alone(
    _ interval: GuidanceInterval, _ scheduler: SchedulerName? = Self.scheduler,
    from initial: InitialPicture? = nil
  ) throws -> [[UInt8]] {
    var request = ToldModels.request("bells", seed: 5, told: [])
    request.initial = initial
    request.steps = Self.steps
    request.guidanceInterval = interval
    request.scheduler = scheduler
    return try ToldModels.alone().generate(request) { _ in }.reds
  }

  @Test("they are the model's own where the request says nothing, and the file says which")
  func own() async throws {
    try await self.withStudio { studio in
      let own = try await self.paint(studio)
      #expect(own.reds == (try self.alone(Self.own)))
      #expect(own.reds != (try self.alone(.whole)))
      #expect(own.settings == ["dpm++2m", "0.25", "0.5"])

      let whole = try await self.paint(studio) { $0.guidanceStop = 1 }
      #expect(whole.reds == (try self.alone(.whole)))
      #expect(whole.settings == ["dpm++2m", "0.0", "1.0"])

      let late = try await self.paint(studio) { $0.guidanceStart = 0.5 }
      #expect(late.reds == (try self.alone(GuidanceInterval(start: 0.5, stop: 1))))
      #expect(late.settings == ["dpm++2m", "0.5", "1.0"])

      let euler = try await self.paint(studio) { $0.scheduler = "euler" }
      #expect(euler.reds == (try self.alone(Self.own, .euler)))
      #expect(euler.settings == ["euler", "0.25", "0.5"])

      // The checkpoint's own takes fresh noise.
      let ddim = try await self.paint(studio) { $0.eta = 0 }
      #expect(ddim.reds == (try self.alone(Self.own, nil)))
      #expect(ddim.reds != own.reds)
    }
  }

  @Test("what begins from a picture: from the first step on, unless the request says otherwise")
  func begunFromAPicture() async throws {
    try await self.withStudio { studio in
      let source = try await self.make(studio.generate(self.job()))
      let initial = InitialPicture(image: source.picture.image, strength: 0.5)
      func remix(_ change: (inout GenerateJob) -> Void = { _ in }) async throws -> (
        reds: [[UInt8]], settings: [String?]
      ) {
        var job = RemixJob(self.job(change), file: source.png)
        job.strength = 0.5
        let made = try await self.make(studio.remix(job))
        return (made.picture.image.reds, made.settings)
      }
      let own = try await remix()
      #expect(own.reds == (try self.alone(GuidanceInterval(start: 0, stop: 0.5), from: initial)))
      #expect(own.reds != (try self.alone(Self.own, from: initial)))
      #expect(own.settings == ["dpm++2m", "0.0", "0.5"])

      let late = try await remix { $0.guidanceStart = 0.5 }
      #expect(
        late.reds == (try self.alone(GuidanceInterval(start: 0.5, stop: 1), from: initial)))
      #expect(late.settings == ["dpm++2m", "0.5", "1.0"])
    }
  }

  @Test("the list of models has them") func listed() async throws {
    try await self.withStudio { studio in
      let model = try #require(try await studio.models().first)
      let details = try model.details.get()
      #expect(details.defaultGuidanceStart == Self.own.start)
      #expect(details.defaultGuidanceStop == Self.own.stop)
      #expect(details.schedulers.first == Self.scheduler.rawValue)
      #expect(Set(details.schedulers).count == details.schedulers.count)
    }
  }
}
