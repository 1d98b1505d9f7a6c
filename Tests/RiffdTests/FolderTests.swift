import Foundation
import Testing

extension DaemonTests {
  /// What is done to each sound of a folder, and clips cut from a long one.
  @Suite struct FolderTests {
    private func folder() async throws -> TemporaryFolder {
      let folder = try TemporaryFolder()
      let songs = folder.file("songs")
      for name in [songs, songs + "/more"] {
        try FileManager.default.createDirectory(
          atPath: name, withIntermediateDirectories: false)
      }
      try await SoundWitness.make(songs + "/01. Intro.mp3", from: "sine=frequency=330:duration=2")
      try await SoundWitness.make(songs + "/two.m4a", from: "sine=frequency=550:duration=1")
      try await SoundWitness.make(songs + "/.hidden.wav")
      try await SoundWitness.make(
        songs + "/cover.png", from: "color=gray:s=64x64:d=1", ["-frames:v", "1"])
      try "no sound\n".write(toFile: songs + "/notes.txt", atomically: true, encoding: .utf8)
      try Data().write(to: URL(filePath: songs + "/empty.wav"))
      return folder
    }

    @Test func spectrogramsOfAFolder() async throws {
      let daemon = try await RunningDaemon()
      let folder = try await self.folder()
      let (songs, out) = (folder.file("songs"), folder.file("out"))
      let made = try await daemon.riff(["spectrogram", songs, "-o", out])
      #expect(made.status == 0, "\(made.errors)")
      for line in [
        "cover.png: skipped: it is a picture", "notes.txt: skipped: it is not a sound",
        "empty.wav: skipped: it is empty",
      ] { #expect(made.errors.contains(line), "\(made.errors)") }
      let names = try FileManager.default.contentsOfDirectory(atPath: out).sorted()
      #expect(names == ["01. Intro.png", "two.png"])
      let before = FileManager.default.contents(atPath: out + "/two.png")
      // Again: nothing is replaced.
      let again = try await daemon.riff(["spectrogram", songs, "-o", out, "-q"])
      #expect(again.status == 0, "\(again.errors)")
      let more = try FileManager.default.contentsOfDirectory(atPath: out).sorted()
      #expect(more == ["01. Intro-2.png", "01. Intro.png", "two-2.png", "two.png"])
      #expect(FileManager.default.contents(atPath: out + "/two.png") == before)
    }

    @Test func aFolderIsRemixed() async throws {
      let daemon = try await RunningDaemon()
      let folder = try await self.folder()
      let (songs, out) = (folder.file("songs"), folder.file("out"))
      let made = try await daemon.riff([
        "remix", songs + "/", "choir", "-o", out, "--steps", "2", "--strength", "0.5", "--seed",
        "5",
        "--format", "flac",
      ])
      #expect(made.status == 0, "\(made.errors)")
      let names = try FileManager.default.contentsOfDirectory(atPath: out).sorted()
      #expect(names == ["01. Intro-5.flac", "two-5.flac"])
      // AAC has whole frames.
      let count = try await SoundWitness.decode(out + "/two-5.flac").count
      #expect((48_000...52_000).contains(count), "\(count)")

      for (arguments, word) in [
        (["remix", songs, "choir"], "name one for the results with -o"),
        (["remix", songs, "choir", "-o", songs + "/notes.txt"], "go into a folder"),
        (["remix", songs + "/more", "choir", "-o", out], "there is no sound"),
        (["remix", songs, "choir", "-o", out, "--bitrate", "9"], "--bitrate"),
      ] {
        let refused = try await daemon.riff(arguments)
        #expect(refused.status != 0 && refused.errors.contains(word), "\(refused.errors)")
      }
    }

    /// The same seed, the same clips, each as the sound is there.
    @Test func clipsAreCut() async throws {
      let folder = try TemporaryFolder()
      let riff = try Checkout.program("riff")
      // Silence with a click every second, so that a place can be told.
      try await SoundWitness.make(
        folder.file("song.flac"),
        from: "aevalsrc=0.5*eq(mod(n\\,44100)\\,0):s=44100:d=20")
      let arguments = ["sample", folder.file("song.flac"), "-n", "3", "--seconds", "2.5"]
      let first = try await Program.run(
        riff, arguments + ["--seed", "4", "-o", folder.file("part.wav")])
      #expect(first.status == 0, "\(first.errors)")
      let second = try await Program.run(
        riff, arguments + ["--seed", "4", "-o", folder.file("other.wav")])
      #expect(second.status == 0 && second.errors.contains("seed 4"), "\(second.errors)")
      var places: Set<String> = []
      for number in 1...3 {
        let part = folder.file("part-\(number).wav")
        let bytes = FileManager.default.contents(atPath: part)
        #expect(bytes == FileManager.default.contents(atPath: folder.file("other-\(number).wav")))
        let samples = try await SoundWitness.decode(part)
        #expect(samples.count == 120_000)
        struct Report: Decodable { var settings: [String: String] }
        let info = try await Program.run(riff, ["info", part, "--json"])
        let told = try JSONDecoder().decode(Report.self, from: Data(info.output)).settings
        let start = try #require(told["start_seconds"].flatMap { Double($0) })
        #expect(
          told["method"] == "Sample" && told["seed"] == "4" && told["file_name"] == "song.flac")
        // The first click is where the next whole second is.
        let click = try #require(samples.indices.max { abs(samples[$0]) < abs(samples[$1]) })
        let place = (start + Double(click) / 48_000).truncatingRemainder(dividingBy: 1)
        #expect(min(place, 1 - place) < 0.001, "\(start) \(click)")
        places.insert("\(start)")
      }
      #expect(places.count == 3)
      let converted = try await Program.run(
        riff, ["sample", folder.file("song.m4a"), "--seconds", "1", "-o", folder.file("x.opus")])
      #expect(converted.status == 1, "there is no such file")
      try await SoundWitness.make(folder.file("song.m4a"), from: "sine=frequency=330:duration=3")
      let m4a = try await Program.run(
        riff, ["sample", folder.file("song.m4a"), "--seconds", "1", "-o", folder.file("x.opus")])
      #expect(m4a.status == 0, "\(m4a.errors)")
      let long = try await Program.run(
        riff, ["sample", folder.file("song.m4a"), "--seconds", "9", "-o", folder.file("x.opus")])
      #expect(long.status == 1 && long.errors.contains("shorter than"), "\(long.errors)")
      let piped = try await Program.run(
        riff, ["sample", "-", "--seconds", "1", "--format", "wav"],
        input: folder.file("song.flac"))
      #expect(piped.status == 0 && piped.output.starts(with: "RIFF".utf8), "\(piped.errors)")
    }
  }
}
