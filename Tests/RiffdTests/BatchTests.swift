import Foundation
import RiffProtocol
import Testing

extension DaemonTests {
  /// `riff batch`: a file of prompts into a folder, and on from where it stopped.
  @Suite struct BatchTests {
    private struct Line: Decodable {
      var number: Int
      var key: String
      var status: String
      var prompt: String
      var file: String?
      var picture: String?
      var seed: UInt64?
      var seconds: Double?
      var error: String?
    }

    private func write(_ text: String, _ name: String, _ folder: TemporaryFolder) throws -> String {
      let path = folder.file(name)
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      return path
    }

    private func index(_ folder: String) throws -> [Line] {
      let text = try String(contentsOfFile: folder + "/index.jsonl", encoding: .utf8)
      return try text.split(separator: "\n").map {
        try JSONDecoder().decode(Line.self, from: Data($0.utf8))
      }
    }

    private func settings(_ path: String) async throws -> [String: String] {
      struct Report: Decodable { var settings: [String: String] }
      let result = try await Program.run(Checkout.program("riff"), ["info", path, "--json"])
      try #require(result.status == 0, "\(result.errors)")
      return try JSONDecoder().decode(Report.self, from: Data(result.output)).settings
    }

    /// A sound a line, takes of their own for a count; the second run makes what is missing, and no more.
    @Test func itGoesOnWhereItStopped() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let file = try self.write(
        """
        {"prompt": "harp", "steps": 2, "seed": 3, "duration": 0.6}

        {"prompt": "bells, slow", "num_inference_steps": 2, "count": 2, "duration_seconds": 0.5}
        {"prompt": "harp", "steps": 2, "seed": 3, "duration": 0.6, "name": "chosen.opus"}
        """, "batch.jsonl", folder)
      let out = folder.file("out")
      let first = try await daemon.riff(["batch", file, "-d", out])
      #expect(first.status == 0, "\(first.errors)")
      let lines = try self.index(out).sorted { $0.number < $1.number }
      #expect(lines.map(\.number) == [1, 2, 3, 4])
      #expect(lines.allSatisfy { $0.status == "done" } && Set(lines.map(\.key)).count == 4)
      #expect(lines[0].file == "001-harp-3.opus" && lines[0].seed == 3)
      #expect(lines[0].seconds == 0.6 && lines[3].file == "chosen.opus")
      let seed = try #require(lines[1].seed)
      #expect(lines[2].seed == seed + 1)
      #expect(lines[2].file == "003-bells-slow-\(seed + 1).opus")
      let told = try await self.settings(out + "/001-harp-3.opus")
      #expect(told["steps"] == "2" && told["seed"] == "3")

      let jobs = try await daemon.status().jobsDone
      #expect(jobs == 4)
      let again = try await daemon.riff(["batch", file, "-d", out])
      #expect(again.status == 0 && again.errors.contains("4 of 4 are done"), "\(again.errors)")
      #expect(try await daemon.status().jobsDone == jobs)

      // One is lost, and the index breaks off in the middle of a line, as where the power goes.
      try FileManager.default.removeItem(atPath: out + "/001-harp-3.opus")
      let handle = try #require(FileHandle(forWritingAtPath: out + "/index.jsonl"))
      handle.seekToEndOfFile()
      handle.write(Data("{\"number\":9,\"key".utf8))
      try handle.close()
      let third = try await daemon.riff(["batch", file, "-d", out, "--json", "-q"])
      #expect(third.status == 0 && third.errors.isEmpty, "\(third.errors)")
      #expect(try await daemon.status().jobsDone == jobs + 1)
      let told2 = try JSONDecoder().decode(Line.self, from: Data(third.output))
      #expect(told2.file == "001-harp-3.opus" && told2.status == "done")
      let contents = try FileManager.default.contentsOfDirectory(atPath: out)
      #expect(contents.count == 5, "\(contents)")
    }

    /// Stopped in the middle, it has what was done, and the rest is made later.
    @Test func itStopsAndGoesOn() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let entries = (1...4).map { #"{"prompt": "harp", "seed": \#($0), "steps": 2}"# }
      let slow = #"{"prompt": "harp", "seed": 9, "steps": 1000}"#
      let file = try self.write((entries + [slow]).joined(separator: "\n"), "b.jsonl", folder)
      let out = folder.file("out")
      let running = try Program(
        Checkout.program("riff"), ["--socket", daemon.socket, "batch", file, "-d", out])
      while try await daemon.status().jobsDone < 4 { try await Task.sleep(for: .milliseconds(20)) }
      while (try? self.index(out).count) ?? 0 < 4 { try await Task.sleep(for: .milliseconds(20)) }
      running.signal(SIGINT)
      let stopped = try await running.result()
      #expect(stopped.status == 130, "\(stopped.errors)")
      #expect(try await daemon.waitForSilence().jobsCancelled == 1)
      #expect(try self.index(out).count == 4)
      let contents = try FileManager.default.contentsOfDirectory(atPath: out)
      #expect(contents.count == 5, "\(contents)")
    }

    /// More jobs than the daemon lets in: it says when to try again, and that is done.
    @Test func aFullDaemonIsWaitedFor() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let limit = Int(try await daemon.status().jobsLimitPerConnection)
      let entries = (0..<limit + 4).map {
        #"{"prompt": "harp", "seed": \#($0), "steps": 1, "duration": 0.3, "quality": "draft"}"#
      }
      let file = try self.write(entries.joined(separator: "\n"), "b.jsonl", folder)
      let out = folder.file("out")
      let made = try await daemon.riff(["batch", file, "-d", out, "--jobs", "32"])
      #expect(made.status == 0, "\(made.errors)")
      #expect(try self.index(out).count { $0.status == "done" } == limit + 4)
    }

    /// riffusion's playground: sets of parameters, its names for samplers, a checkpoint of the hub, and a comma
    /// too many, as in its own example.
    @Test func thePlaygroundsFile() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let file = try self.write(
        """
        {"params": [
          {"checkpoint": "riffusion/riffusion-model-v1", "scheduler": "EulerDiscreteScheduler",
           "num_inference_steps": 3, "guidance": 6.5, "width": 64,},
          {"name": "second", "num_inference_steps": 2, "width": 96}],
         "entries": [
          {"prompt": "Church bells", "seed": 42},
          {"prompt": "electronic beats", "negative_prompt": "drums"}]}
        """, "batch.json", folder)
      let out = folder.file("out")
      let made = try await daemon.riff([
        "batch", file, "-d", out, "--pictures", "--format", "mp3",
      ])
      #expect(made.status == 0, "\(made.errors)")
      #expect(made.errors.contains("riffusion/riffusion-model-v1"), "\(made.errors)")
      let lines = try self.index(out).sorted { $0.number < $1.number }
      #expect(
        lines.map(\.file) == [
          "001-church-bells-42.mp3", "002-church-bells-42.mp3", "003-electronic-beats-42.mp3",
          "004-electronic-beats-42.mp3",
        ])
      let first = try await self.settings(out + "/001-church-bells-42.mp3")
      #expect(first["scheduler"] == "euler" && first["guidance_scale"] == "6.5")
      #expect(first["width"] == "64" && first["steps"] == "3")
      let last = try await self.settings(out + "/" + (try #require(lines[3].picture)))
      #expect(last["scheduler"] == "dpm++2m" && last["guidance_scale"] == "7.0")
      #expect(last["negative_prompt"] == "drums" && last["width"] == "96")
    }

    /// All that is wrong is told before anything is made, each with its place.
    @Test func whatIsWrongIsToldAtOnce() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let file = try self.write(
        "\u{FEFF}" + #"""
          prompt,steps,seed,name
          "bells, ""slow""",2,1,
          harp,0,2,
          harp,2,3,../escape
          harp,2,x,
          "two
          lines",2,5,two

          """#, "batch.csv", folder)
      let out = folder.file("out")
      let refused = try await daemon.riff(["batch", file, "-d", out])
      #expect(refused.status == 1)
      for text in [
        "line 3: --steps must be", "line 4: “../escape” is not a name",
        "line 5: --seed must be",
      ] { #expect(refused.errors.contains(text), "\(refused.errors)") }
      #expect(!refused.errors.contains("line 2") && !refused.errors.contains("line 6"))
      #expect(!FileManager.default.fileExists(atPath: out))
      for (text, name, word) in [
        ("{\"prompt\": \"x\", \"stepz\": 2}", "a.jsonl", "did you mean “steps”"),
        ("{\"steps\": 2}", "b.jsonl", "“prompt” is missing"), ("[1]", "c.json", "list of objects"),
        ("nonsense", "d.jsonl", "not JSON"), ("", "e.csv", "no entries"),
        ("prompt\n\"x", "f.csv", "not closed"), ("x", "g.txt", "extension"),
        ("{\"prompt\": \"x\", \"init\": \"gone.wav\"}", "h.jsonl", "gone.wav"),
        ("{\"prompt\": \"x\", \"output\": \"/etc/x.opus\"}", "i.jsonl", "not a name"),
      ] {
        let result = try await daemon.riff(["batch", try self.write(text, name, folder), "-d", out])
        #expect(result.status != 0 && result.errors.contains(word), "\(name): \(result.errors)")
      }
      #expect(try await daemon.status().jobsDone == 0)
    }

    /// What the daemon refuses is told and written down; the others are made, and it is tried again.
    @Test func oneThatFailsDoesNotStopTheOthers() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let file = try self.write(
        """
        {"prompt": "harp", "width": 70, "seed": 1}
        {"prompt": "harp", "steps": 2, "seed": 2, "duration": 0.5}
        """, "b.jsonl", folder)
      let out = folder.file("out")
      for _ in 0..<2 {
        let made = try await daemon.riff(["batch", file, "-d", out])
        #expect(made.status == 1 && made.errors.contains("line 1: --width"), "\(made.errors)")
      }
      let lines = try self.index(out)
      #expect(lines.map(\.status).filter { $0 == "failed" }.count == 2)
      #expect(lines.filter { $0.status == "done" }.count == 1)
    }

    /// Clips of the user's, relative to the file, and from standard input.
    @Test func clipsArePaintedOver() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      try await SoundWitness.make(folder.file("clip.wav"))
      let file = try self.write(
        #"{"prompt": "choir", "init": "clip.wav", "strength": 0.4, "steps": 3, "seed": 1}"#,
        "b.jsonl", folder)
      let out = folder.file("out")
      let made = try await daemon.riff(["batch", file, "-d", out])
      #expect(made.status == 0, "\(made.errors)")
      let told = try await self.settings(out + "/001-choir-1.opus")
      #expect(told["file_name"] == "clip.wav" && told["strength"] == "0.4")
      let piped = try await Program.run(
        Checkout.program("riff"),
        ["--socket", daemon.socket, "batch", "-", "-d", folder.file("piped")],
        input: try self.write(#"{"prompt": "harp", "steps": 2, "seed": 4}"#, "in", folder))
      #expect(piped.status == 0, "\(piped.errors)")
      #expect(FileManager.default.fileExists(atPath: folder.file("piped/001-harp-4.opus")))
    }
  }
}
