import AudioIO
import Riff
import Testing

/// A picture of more than ten minutes is refused before anything is painted.
@Suite struct PictureLengthTests {
  private let studio: Studio

  init() throws {
    self.studio = try Studio(
      models: [ModelLocation(name: "riff-mini", directory: TestPaths.bundledModel)], threads: 2,
      encoderName: "riffd test")
  }

  /// How a job ends, and the stages that it told of.
  private func end(_ events: JobEvents) async -> (error: JobError?, stages: [JobStage]) {
    var stages: [JobStage] = []
    do {
      for try await event in events {
        if case .progress(let progress) = event { stages.append(progress.stage) }
        // Whatever is painted is enough.
        if stages.last == .denoising { break }
      }
      return (nil, stages)
    } catch {
      return (error as? JobError, stages)
    }
  }

  private func request(_ output: OutputFormat? = .pcmFloat32) -> GenerateJob {
    var request = GenerateJob(prompt: "harp")
    request.steps = 2
    request.output = output
    request.wantSpectrogram = output != nil
    return request
  }

  private func expectRefused(_ events: JobEvents, field: String) async {
    let (error, stages) = await self.end(events)
    #expect(error?.kind == .invalidArgument(field: field), "\(stages)")
    #expect(error?.message.contains("at most 600 s") == true, "\(error?.message ?? "")")
    #expect(!stages.contains(.denoising) && !stages.contains(.encoding))
  }

  @Test func ofAMorph() async throws {
    for output in [.pcmFloat32, nil] as [OutputFormat?] {
      var job = MorphJob(
        self.request(output), from: MorphEnd("harp"), to: MorphEnd("techno"), file: Upload([]))
      job.clips = 118
      await self.expectRefused(
        self.studio.morph(job), field: output == nil ? "output" : "want_spectrogram")
      // 117 clips are 599.04 s.
      job.clips = 117
      let (error, stages) = await self.end(self.studio.morph(job))
      #expect(error == nil && stages.last == .denoising)
    }
  }

  @Test func ofAPieceFromWords() async throws {
    for output in [.pcmFloat32, nil] as [OutputFormat?] {
      var job = self.request(output)
      job.durationSeconds = 600.1
      await self.expectRefused(
        self.studio.generate(job), field: output == nil ? "output" : "want_spectrogram")
      job.durationSeconds = 600
      let (error, stages) = await self.end(self.studio.generate(job))
      #expect(error == nil && stages.last == .denoising)
    }
    var sound = self.request()
    sound.wantSpectrogram = false
    sound.durationSeconds = 3_600
    let (error, stages) = await self.end(self.studio.generate(sound))
    #expect(error == nil && stages.last == .denoising)
  }

  @Test func ofARemixWhoseLengthIsGivenOrTheFiles() async throws {
    let tone = WAVFile.tone(hertz: 440, seconds: 610, sampleRate: 8_000)
    var job = RemixJob(self.request(), file: tone)
    job.span = RemixJob.Span()
    await self.expectRefused(self.studio.remix(job), field: "want_spectrogram")
    job.span?.durationSeconds = 605
    await self.expectRefused(self.studio.remix(job), field: "want_spectrogram")
    job.span?.startSeconds = 20
    job.span?.durationSeconds = nil
    let (error, stages) = await self.end(self.studio.remix(job))
    #expect(error == nil && stages.last == .denoising)
    // Sound may be longer.
    var sound = RemixJob(self.request(), file: tone)
    sound.request.wantSpectrogram = false
    sound.span = RemixJob.Span()
    let (none, _) = await self.end(self.studio.remix(sound))
    #expect(none == nil)
  }
}
