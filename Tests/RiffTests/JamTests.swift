import AudioIO
import Foundation
import Riff
import Spectrogram
import Testing

/// Jams on the bundled model, whose sound leaves as it is made unless they are paced.
@Suite("A jam: music that does not stop, and can be steered")
struct JamTests {
  private let studio: Studio

  init() throws {
    self.studio = try Studio(
      models: [ModelLocation(name: "riff-mini", directory: TestPaths.bundledModel)], threads: 2,
      encoderName: "riffd test")
  }

  private struct Played {
    /// Samples of the one channel, full scale ±1.
    var sound: [Float] = []
    /// Bytes of all audio events, and sample frames of each (of PCM).
    var bytes: [UInt8] = []
    var pieces: [Int] = []
    var changes: [(id: UInt32, sample: Int, sent: Int)] = []
    var warnings: [String] = []
    var stages: [JobStage] = []
    var done: JobSummary?
  }

  private func job(
    _ prompt: String, output: OutputFormat = .pcmFloat32, inbox: JamInbox
  ) -> JamJob {
    var request = GenerateJob(prompt: "")
    request.seed = 5
    request.steps = 6
    request.quality = .draft
    request.output = output
    var job = JamJob(request, prompts: [WeightedPrompt(prompt)], inbox: inbox)
    job.isUnpaced = true
    return job
  }

  /// Plays it, and calls `heard` with the sample frames that came (of PCM) after each piece.
  private func play(
    _ job: JamJob, _ heard: (_ samples: Int) async throws -> Void
  ) async throws -> Played {
    var played = Played()
    for try await event in self.studio.jam(job) {
      switch event {
      case .audio(let part):
        played.bytes += part
        played.pieces.append(part.count / 4)
        try await heard(played.bytes.count / 4)
      case .changed(let id, let sample):
        played.changes.append((id, sample, played.bytes.count / 4))
      case .warning(let text): played.warnings.append(text)
      case .progress(let progress):
        if played.stages.last != progress.stage { played.stages.append(progress.stage) }
      case .done(let done): played.done = done
      case .started, .spectrogram, .windowPicture: break
      }
    }
    if case .pcmFloat32? = job.request.output {
      played.sound = played.bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }
    return played
  }

  /// Plays until `seconds` have come, and stops it then.
  private func play(_ job: JamJob, seconds: Double) async throws -> Played {
    try await self.play(job) { samples in
      if Double(samples) >= seconds * 48_000 { job.inbox.stop() }
    }
  }

  private static func level(_ sound: some Sequence<Float>) -> Double {
    var (sum, count) = (0.0, 0.0)
    for sample in sound {
      sum += Double(sample) * Double(sample)
      count += 1
    }
    return 10 * log10(max(1e-20, sum / max(1, count)))
  }

  @Test("it plays on beyond its first window, in short pieces, and ends on a beat with a fade")
  func playsOn() async throws {
    let played = try await self.play(
      self.job("techno drum beat, 120 bpm", inbox: JamInbox()), seconds: 12)
    let done = try #require(played.done)
    #expect(played.sound.count == done.sampleCount)
    #expect(done.sampleCount > 12 * 48_000 && done.sampleCount < 14 * 48_000)
    #expect(played.pieces.allSatisfy { $0 <= 9_600 })
    #expect(played.stages.suffix(3) == [.denoising, .decoding, .sound])
    #expect(Self.level(played.sound.suffix(64)) < -50)
    // Every five seconds there is music, all about as loud.
    let levels = stride(from: 0, to: 10 * 48_000, by: 120_000).map {
      Self.level(played.sound[$0..<$0 + 120_000])
    }
    #expect(levels.allSatisfy { $0 > -26 && $0 < -8 }, "\(levels)")
  }

  /// Under a sanitizer windows are painted more slowly than they play, and a jam that falls behind so far is
  /// refused, as it should be. The other jams are shorter.
  private static let isSanitized = ProcessInfo.processInfo.environment["RIFF_SANITIZE"] != nil

  @Test("nothing repeats itself, and the same seed plays the same", .disabled(if: isSanitized))
  func repeatsNothing() async throws {
    let one = try await self.play(self.job("jazz piano", inbox: JamInbox()), seconds: 11)
    let other = try await self.play(self.job("jazz piano", inbox: JamInbox()), seconds: 11)
    // When the stop is read is a matter of time; what is played up to it is not.
    let common = min(one.sound.count, other.sound.count) - 48_000
    #expect(one.sound.prefix(common) == other.sound.prefix(common))
    let hop = 184_320
    let (first, later) = (one.sound[0..<hop], one.sound[hop..<2 * hop])
    var (product, a, b) = (0.0, 0.0, 0.0)
    for (x, y) in zip(first, later) {
      product += Double(x) * Double(y)
      a += Double(x) * Double(x)
      b += Double(y) * Double(y)
    }
    #expect(abs(product / (a * b).squareRoot()) < 0.5)
  }

  @Test("a change is heard from the sample on that its event names, and not before")
  func changes() async throws {
    let plain = try await self.play(
      self.job("techno drum beat, 120 bpm", inbox: JamInbox()), seconds: 8)
    let job = self.job("techno drum beat, 120 bpm", inbox: JamInbox())
    var hasAsked = false
    let played = try await self.play(job) { samples in
      if samples >= 3 * 48_000, !hasAsked {
        hasAsked = true
        var change = JamChange(id: 7)
        change.prompts = [WeightedPrompt("flute", weight: 3), WeightedPrompt("harp")]
        job.inbox.post(change)
      }
      if samples >= 8 * 48_000 { job.inbox.stop() }
    }
    #expect(played.warnings.isEmpty)
    let change = try #require(played.changes.first)
    #expect(played.changes.count == 1 && change.id == 7)
    // It comes before its sample does.
    #expect(change.sample >= change.sent)
    // Half a window of the recovery reaches back from there, and its look-ahead a little further.
    let same = zip(plain.sound, played.sound).prefix { $0 == $1 }.count
    #expect(same <= change.sample + 4_800)
    let before = zip(plain.sound, played.sound).prefix(change.sample - 16_000)
    #expect(Self.level(before.map { $0 - $1 }) < Self.level(before.map(\.0)) - 20)
    let after = zip(plain.sound, played.sound).dropFirst(change.sample + 9_600).prefix(96_000)
    #expect(Self.level(after.map { $0 - $1 }) > Self.level(after.map(\.0)) - 10)
    // On a beat: half a second each, from the piece's first on, which lies near its beginning.
    let beats = try await self.beats(of: plain.sound)
    let apart = (Double(change.sample) / 48_000 - beats) / 0.5
    #expect(abs(apart - apart.rounded()) * 0.5 < 0.06)
  }

  /// Where the first beat lies, in seconds, by the onsets of what was played.
  private func beats(of sound: [Float]) async throws -> Double {
    let parameters = SpectrogramParameters(
      sampleRate: 48_000, stepMilliseconds: 10, windowMilliseconds: 46, paddedMilliseconds: 46,
      melBins: 80)
    let mel = try SpectrogramAnalyzer(parameters).analyze([sound])
    return try #require(
      BeatGrid(OnsetEnvelope(mel, parameters: parameters), bpm: 120)
    ).first
  }

  @Test("changes that come together are heard together; why one was refused is told")
  func changesTogether() async throws {
    let job = self.job("church bells", inbox: JamInbox())
    var one = JamChange(id: 1)
    one.prompts = [WeightedPrompt("violin")]
    var two = JamChange(id: 2)
    (two.bpm, two.strength, two.seed, two.guidanceScale) = (90, 0.7, 3, 2)
    job.inbox.post(one)
    job.inbox.post(two)
    job.inbox.refuse("change 9 was refused: it makes no sense")
    let played = try await self.play(job) { samples in
      if samples >= 10 * 48_000 { job.inbox.stop() }
    }
    #expect(played.done != nil)
    #expect(played.changes.map(\.id) == [1, 2])
    #expect(Set(played.changes.map(\.sample)).count == 1)
    #expect(played.warnings == ["change 9 was refused: it makes no sense"])
  }

  @Test("words whose weights the model cannot bear are refused, and the music goes on")
  func refusesWhatTheModelRefuses() async throws {
    let job = self.job("church bells", inbox: JamInbox())
    var hasAsked = false
    let played = try await self.play(job) { samples in
      if !hasAsked {
        hasAsked = true
        var wild = JamChange(id: 3)
        wild.prompts = [WeightedPrompt("(violin:\(String(repeating: "9", count: 40)))")]
        job.inbox.post(wild)
      }
      if samples >= 7 * 48_000 { job.inbox.stop() }
    }
    #expect(played.changes.isEmpty)
    #expect(played.warnings.count == 1)
    #expect(played.warnings.first?.contains("change 3 was refused") == true)
    #expect((played.done?.sampleCount ?? 0) > 7 * 48_000)
  }

  @Test("a jam that nobody listens to any more ends")
  func abandoned() async throws {
    var job = self.job("church bells", inbox: JamInbox())
    job.isUnpaced = false
    job.idleSeconds = 0.5
    // Its listener says that it has heard nothing yet.
    job.inbox.report(played: 0)
    await #expect { _ = try await self.play(job) { _ in } } throws: {
      ($0 as? JobError)?.kind == .abandoned
    }
  }

  @Test("a paced jam runs ahead of what has been heard by half a second, no more")
  func paced() async throws {
    var job = self.job("church bells", inbox: JamInbox())
    job.isUnpaced = false
    job.inbox.report(played: 0)
    var furthest = 0
    var heard = 0
    let played = try await self.play(job) { samples in
      furthest = max(furthest, samples - heard)
      // Heard at once, as fast as it comes.
      heard = samples
      job.inbox.report(played: UInt64(heard))
      if samples >= 96_000 { job.inbox.stop() }
    }
    // What the listener is taken to play between two reports is another half second.
    #expect(furthest <= 48_000)
    #expect(played.done != nil)
  }

  @Test("what is wrong with how it begins is told at once")
  func refused() async throws {
    var request = GenerateJob(prompt: "")
    request.durationSeconds = 3
    request.fadeMilliseconds = 5
    request.output = nil
    var job = JamJob(
      request, prompts: [WeightedPrompt("x", weight: 0)], inbox: JamInbox())
    job.bpm = 3
    let refused = job
    await #expect { for try await _ in self.studio.jam(refused) {} } throws: { error in
      Set((error as? JobError)?.violations.map(\.field) ?? [])
        == ["duration_seconds", "fade_ms", "output", "prompts.weight", "bpm"]
    }
  }

  @Test("a daemon that is told to stop ends it")
  func closes() async throws {
    let job = self.job("church bells", inbox: JamInbox())
    let played = try await self.play(job) { samples in
      if samples >= 96_000 { self.studio.close() }
    }
    #expect((played.done?.sampleCount ?? .max) < 20 * 48_000)
  }
}
