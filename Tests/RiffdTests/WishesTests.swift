import Foundation
import Testing

extension DaemonTests {
  /// Loops, bars, clips that go on or stay in part, through the command line and a real daemon.
  @Suite(.timeLimit(.minutes(2))) struct WishesTests {
    /// Samples of a file's first channel, as ffmpeg decodes it, played `times` times.
    private func samples(_ path: String, times: Int = 1) async throws -> [Float] {
      let decoded = try await Program.run(
        "ffmpeg",
        ["-nostdin", "-v", "error", "-stream_loop", "\(times - 1)", "-i", path, "-f", "f32le"]
          + ["-ac", "1", "-"])
      try #require(decoded.status == 0 && decoded.errors.isEmpty, "\(decoded.errors)")
      return decoded.output.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }

    /// Drums at 44.1 kHz, four hits a second for six seconds, as a 16-bit WAV file.
    private func drums(_ folder: TemporaryFolder) throws -> String {
      var bytes: [UInt8] = []
      func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
      }
      let count = 6 * 44_100
      bytes += Array("RIFF".utf8)
      append(UInt32(36 + 2 * count))
      bytes += Array("WAVEfmt ".utf8)
      append(UInt32(16))
      append(UInt16(1))
      append(UInt16(1))
      append(UInt32(44_100))
      append(UInt32(88_200))
      append(UInt16(2))
      append(UInt16(16))
      bytes += Array("data".utf8)
      append(UInt32(2 * count))
      for index in 0..<count {
        let place = index % 11_025
        let pitch = index / 11_025 % 2 == 0 ? 0.01 : 0.2
        append(
          Int16(20_000 * exp(-Double(place) / 1_500) * sin(pitch * Double(place))))
      }
      let path = folder.file("drums.wav")
      try Data(bytes).write(to: URL(filePath: path))
      return path
    }

    @Test func aLoopOfBarsIsAsLongAsItsBarsAndJoinsWhenFfmpegRepeatsIt() async throws {
      let daemon = try await RunningDaemon()
      for name in ["loop.wav", "loop.flac", "loop.opus"] {
        let path = daemon.folder.file(name)
        let made = try await daemon.riff(
          ["generate", "synth pad", "--loop", "--bpm", "117", "--bars", "1", "--seed", "2"]
            + ["-o", path])
        try #require(made.status == 0, "\(made.errors)")
        // 4 · 60 / 117 · 48,000.
        let once = try await self.samples(path)
        #expect(once.count == 98_462)
        guard name != "loop.opus" else { continue }
        let twice = try await self.samples(path, times: 2)
        try #require(twice.count == 2 * 98_462)
        // A click is a step that no sound around it takes.
        let steps = zip(twice, twice.dropFirst()).map { abs($1 - $0) }
        #expect(steps[98_461] <= steps[..<98_400].max() ?? 0)
      }
      let again = daemon.folder.file("again.wav")
      let like = try await daemon.riff(
        ["generate", "--like", daemon.folder.file("loop.wav"), "-o", again])
      #expect(like.status == 0, "\(like.errors)")
      #expect(
        try Data(contentsOf: URL(filePath: again))
          == Data(contentsOf: URL(filePath: daemon.folder.file("loop.wav"))))
    }

    @Test func aClipGoesOnBehindItsEndOrBeforeItsBeginning() async throws {
      let daemon = try await RunningDaemon()
      let clip = try self.drums(daemon.folder)
      for flags in [[], ["--before"]] {
        let path = daemon.folder.file("longer\(flags.count).wav")
        let made = try await daemon.riff(
          ["extend", clip, "techno drum beat", "--seconds", "4", "--seed", "1", "--steps", "4"]
            + ["-o", path] + flags)
        try #require(made.status == 0, "\(made.errors)")
        #expect(try await self.samples(path).count == 480_000)
      }
      let (first, again) = (daemon.folder.file("longer0.wav"), daemon.folder.file("again.wav"))
      let like = try await daemon.riff(["generate", "--like", first, "-o", again])
      #expect(like.status == 0, "\(like.errors)")
      #expect(
        try Data(contentsOf: URL(filePath: again)) == Data(contentsOf: URL(filePath: first)))
    }

    @Test func whatStaysAndTheTempoAreToldInTheOptionsWords() async throws {
      let daemon = try await RunningDaemon()
      let clip = try self.drums(daemon.folder)
      let path = daemon.folder.file("mixed.wav")
      let made = try await daemon.riff(
        ["remix", clip, "jazz piano", "--keep-below", "200", "--keep-time", "0-1.5"]
          + ["--keep-time", "5-", "--keep-beats", "x---", "--stretch-to", "110", "--steps", "4"]
          + ["--seed", "1", "-o", path])
      try #require(made.status == 0, "\(made.errors)")
      for word in ["--keep-below", "--keep-time", "--keep-beats", "--stretch-to"] {
        #expect(made.errors.contains(word), "\(made.errors)")
      }
      // Six seconds at 120 (or 240) beats a minute.
      #expect(abs(try await self.samples(path).count - 6 * 48_000 * 120 / 110) < 3_000)
    }

    @Test func whatDoesNotGoTogetherIsWrongUsage() async throws {
      let daemon = try await RunningDaemon()
      for (arguments, word) in [
        (["generate", "drums", "--bars", "2"], "--bpm"),
        (["generate", "drums", "--bars", "2", "--bpm", "120", "--duration", "3"], "--bars"),
        (["generate", "drums", "--loop", "--fade", "20"], "--fade"),
        (["remix", "a.wav", "flute", "--keep-time", "3-2"], "--keep-time"),
        (["extend", "a.wav", "flute", "--seconds", "0"], "--seconds"),
        (["extend", "a.wav", "flute", "--seconds", "3601"], "--seconds"),
        (["generate", "drums", "--bars", "1801", "--bpm", "120"], "at most 1800"),
      ] {
        let result = try await daemon.riff(arguments)
        #expect(result.status == 64 && result.errors.contains(word), "\(result.errors)")
      }
    }
  }
}
