import Foundation
import GRPCCore
import GRPCProtobuf
import RiffProtocol
import SwiftProtobuf
import Testing

extension DaemonTests {
  /// Uploads on their way, and what the CLI does with sounds that the daemon does not decode.
  @Suite struct SpoolTests {
    @Test func anUploadCountsFromItsFirstMessage() async throws {
      let daemon = try await RunningDaemon()
      let wav = daemon.folder.file("tone.wav")
      try await SoundWitness.make(wav, from: "sine=frequency=440:duration=2")
      let bytes = try #require(FileManager.default.contents(atPath: wav))
      let png = try await daemon.client { client in
        try await client.analyze(requestProducer: { writer in
          try await writer.write(.with { $0.options = .init() })
          var status = try await daemon.status()
          while status.jobs.isEmpty { status = try await daemon.status() }
          #expect(status.jobs.map(\.method) == ["Analyze"])
          #expect(status.uploadBytes == 0 && status.uploadBytesLimit == 4 << 30)
          try await writer.write(.with { $0.chunk = bytes.prefix(10_000) })
          while try await daemon.status().uploadBytes != 10_000 {}
          try await writer.write(.with { $0.chunk = bytes.dropFirst(10_000) })
        }).png
      }
      #expect(!png.isEmpty)
      let status = try await daemon.status()
      #expect(status.jobs.isEmpty && status.jobsDone == 1 && status.uploadBytes == 0)
    }

    @Test func allThatIsWrongIsToldBeforeTheFileHasCome() async throws {
      let daemon = try await RunningDaemon()
      let error = await #expect(throws: RPCError.self) {
        try await daemon.client { client in
          try await client.remix(
            requestProducer: { writer in
              try await writer.write(
                .with {
                  $0.options.generate.steps = 0
                  $0.options.generate.model = "none"
                  $0.options.strength = 3
                })
              // No end: an answer can only come before it.
              while true {
                try await writer.write(.with { $0.chunk = Data(repeating: 0, count: 1_000) })
              }
            },
            onResponse: { response in
              for try await _ in response.messages {}
            })
        }
      }
      #expect(error?.code == .invalidArgument, "\(String(describing: error))")
      let details = try error?.unpackGoogleRPCStatus()?.details ?? []
      let fields = details.flatMap { $0.badRequest?.violations.map(\.field) ?? [] }
      #expect(
        Set(fields) == [
          "options.generate.prompt", "options.generate.steps", "options.generate.model",
          "options.strength",
        ], "\(fields)")
      #expect(try await daemon.status().jobs.isEmpty)
    }

    @Test func theCLIHasFFmpegConvertWhatTheDaemonDoesNotDecode() async throws {
      let daemon = try await RunningDaemon()
      let file = daemon.folder.file("clip.m4a")
      try await SoundWitness.make(file, from: "sine=frequency=440:duration=3")
      for (argument, input) in [(file, nil), ("-", file)] as [(String, String?)] {
        let png = daemon.folder.file("clip.png")
        let result = try await Program.run(
          Checkout.program("riff"),
          ["--socket", daemon.socket, "spectrogram", argument, "-o", png], input: input)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors.contains("converting it with ffmpeg"), "\(result.errors)")
        let bytes = try #require(FileManager.default.contents(atPath: png))
        // 3 s of 10 ms, a few more that AAC adds.
        let width = bytes[16..<20].reduce(0) { $0 << 8 | Int($1) }
        #expect((300...306).contains(width), "\(width)")
        try FileManager.default.removeItem(atPath: png)
      }
      let opus = daemon.folder.file("remix.opus")
      let remixed = try await daemon.riff([
        "generate", "harp", "--init", file, "--start", "1", "--steps", "2", "--duration", "1", "-o",
        opus,
      ])
      #expect(remixed.status == 0, "\(remixed.errors)")
      #expect(remixed.errors.contains("converting it with ffmpeg"), "\(remixed.errors)")
      #expect(remixed.errors.contains("from 1.00 to 2."), "\(remixed.errors)")

      // What ffmpeg does not read either ends with a reason, and no file.
      let png = daemon.folder.file("text.png")
      let failed = try await daemon.riff(["spectrogram", Checkout.pythonClient, "-o", png])
      #expect(failed.status == 1 && failed.errors.contains("ffmpeg cannot convert"))
      #expect(!FileManager.default.fileExists(atPath: png))
    }

    /// What a daemon is not to inherit, ffmpeg is.
    @Test func theCLIConvertsStandardInputAfterItHasStartedADaemon() async throws {
      let folder = try TemporaryFolder()
      let file = folder.file("clip.m4a")
      try await SoundWitness.make(file, from: "sine=frequency=440:duration=1")
      let png = folder.file("clip.png")
      let riff = try Checkout.program("riff")
      let environment = ["RIFF_SOCKET": folder.file("riffd.sock")]
      let result = try await Program.run(
        riff, ["spectrogram", "-", "-o", png], input: file, environment: environment)
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.errors.contains("converting it with ffmpeg"), "\(result.errors)")
      #expect(FileManager.default.fileExists(atPath: png))
      let stop = try await Program.run(riff, ["stop"], environment: environment)
      #expect(stop.status == 0, "\(stop.errors)")
    }

    /// Some programs ignore SIGCHLD, and those that they start inherit that.
    @Test func theCLIHearsOfFFmpegsEndWhoeverStartsIt() async throws {
      let daemon = try await RunningDaemon()
      let file = daemon.folder.file("clip.m4a")
      try await SoundWitness.make(file, from: "sine=frequency=440:duration=1")
      let png = daemon.folder.file("clip.png")
      let result = try await Program.run(
        "/usr/bin/python3",
        [
          "-c",
          """
          import os, signal, sys
          signal.signal(signal.SIGCHLD, signal.SIG_IGN)
          os.execv(sys.argv[1], sys.argv[1:])
          """, try Checkout.program("riff"), "--socket", daemon.socket, "spectrogram", file, "-o",
          png,
        ])
      #expect(result.status == 0, "\(result.errors)")
      #expect(FileManager.default.fileExists(atPath: png))
    }

    @Test func theCLITellsWhatIsLostAndWhatIsLeftOut() async throws {
      let daemon = try await RunningDaemon()
      let mp3 = daemon.folder.file("clip.mp3")
      try await SoundWitness.make(mp3, from: "sine=frequency=440:duration=8")
      let bytes = try #require(FileManager.default.contents(atPath: mp3))
      let cut = daemon.folder.file("cut.mp3")
      try bytes.prefix(bytes.count / 2).write(to: URL(filePath: cut))
      let png = daemon.folder.file("clip.png")
      for (arguments, said) in [
        ([cut], "missing at its end"),
        ([mp3, "--start", "2", "--duration", "1.5"], "1.50 s are used, from 2.00 to 3.50 s"),
      ] {
        let result = try await daemon.riff(["spectrogram"] + arguments + ["-o", png])
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors.contains("riff: warning: "), "\(result.errors)")
        #expect(result.errors.contains(said), "\(result.errors)")
      }
      let opus = daemon.folder.file("clip.opus")
      let remixed = try await daemon.riff([
        "generate", "harp", "--init", mp3, "--steps", "2", "-o", opus,
      ])
      #expect(remixed.errors.contains("of the sound's 8.00 s, 5.1"), "\(remixed.errors)")
      for arguments in [
        ["generate", "x", "--start", "1", "-o", opus],
        ["spectrogram", mp3, "--start", "soon", "-o", png],
      ] {
        #expect(try await daemon.riff(arguments).status == 64)
      }
      for arguments in [["--start", "9"], ["--start=-1"], ["--duration", "0"]] {
        let result = try await daemon.riff(["spectrogram", mp3, "-o", png] + arguments)
        #expect(result.status == 1 || result.status == 64, "\(result.errors)")
      }
    }

    @Test func fiveSecondsOfElevenMinutesAreNoError() async throws {
      let daemon = try await RunningDaemon()
      let flac = daemon.folder.file("long.flac")
      try await SoundWitness.make(flac, from: "sine=frequency=440:duration=660")
      let png = daemon.folder.file("long.png")
      let result = try await daemon.riff([
        "spectrogram", flac, "--start", "600", "--duration", "5", "-o", png,
      ])
      #expect(result.status == 0, "\(result.errors)")
      let opus = daemon.folder.file("long.opus")
      let remixed = try await daemon.riff([
        "generate", "harp", "--init", flac, "--steps", "2", "-o", opus,
      ])
      #expect(remixed.status == 0 && remixed.errors.contains("660.00 s"), "\(remixed.errors)")
    }

    @Test(.disabled(if: Sanitizer.hasOtherAllocator))
    func aRemixOfMinutesTakesNoMoreMemoryThanOneOfSeconds() async throws {
      let daemon = try await RunningDaemon()
      func peak(seconds: Int) async throws -> UInt64 {
        let flac = daemon.folder.file("\(seconds).flac")
        try await SoundWitness.make(
          flac, from: "anoisesrc=d=\(seconds):a=0.1:r=48000", ["-ac", "2"])
        let result = try await daemon.riff([
          "remix", flac, "rain", "--steps", "2", "--quality", "draft", "-o",
          daemon.folder.file("\(seconds).opus"),
        ])
        #expect(result.status == 0, "\(result.errors)")
        return try await daemon.status().peakMemoryBytes
      }
      let short = try await peak(seconds: 20)
      let long = try await peak(seconds: 240)
      // Decoded, it has 92 MB.
      #expect(long < short + 40 << 20, "\(short >> 20) MiB, then \(long >> 20) MiB")
    }

    @Test(.disabled(if: Sanitizer.hasOtherAllocator))
    func memoryComesBackAfterACrowd() async throws {
      let daemon = try await RunningDaemon()
      let flac = daemon.folder.file("clip.flac")
      try await SoundWitness.make(flac, from: "sine=frequency=440:duration=30", ["-ac", "2"])
      func remixes(_ count: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
          for index in 0..<count {
            group.addTask {
              let result = try await daemon.riff([
                "generate", "harp", "--init", flac, "--steps", "10", "--quality", "draft", "-o",
                daemon.folder.file("\(index).opus"),
              ])
              #expect(result.status == 0, "\(result.errors)")
            }
          }
          try await group.waitForAll()
        }
      }
      try await remixes(1)
      let before = try daemon.residentBytes()
      try await remixes(16)
      // The allocator is asked half a second after the last job at the latest, twice.
      var after = try daemon.residentBytes()
      for _ in 0..<100 where after > before + 40 << 20 {
        try await Task.sleep(for: .milliseconds(100))
        after = try daemon.residentBytes()
      }
      // Sixteen jobs at a time left 110 MiB.
      #expect(after < before + 40 << 20, "\(before >> 20) MiB, then \(after >> 20) MiB")
    }

    @Test(.disabled(if: Sanitizer.hasOtherAllocator))
    func uploadsThatWaitCostLittleMemory() async throws {
      let daemon = try await RunningDaemon()
      // A minute and a half of stereo: 16 MiB as 16-bit samples, 33 MiB as floats.
      let wav = daemon.folder.file("long.wav")
      try await SoundWitness.make(wav, from: "anoisesrc=d=90:a=0.1:r=48000", ["-ac", "2"])
      let bytes = try #require(FileManager.default.contents(atPath: wav))
      let before = try daemon.residentBytes()
      let waiting = try await daemon.client { client in
        let alone = try daemon.residentBytes()
        let remixes = (0..<8).map { _ in
          Task {
            try await client.remix(
              requestProducer: { writer in
                try await writer.write(
                  .with {
                    $0.options.generate.prompt = "harp"
                    $0.options.generate.steps = 2
                  })
                for start in stride(from: 0, to: bytes.count, by: 128 << 10) {
                  try await writer.write(
                    .with { $0.chunk = bytes[start..<min(start + 128 << 10, bytes.count)] })
                }
                // None ends before all are there.
                try await Task.sleep(for: .seconds(600))
              },
              onResponse: { response in for try await _ in response.messages {} })
          }
        }
        while try await daemon.status().uploadBytes < UInt64(8 * bytes.count) {
          try await Task.sleep(for: .milliseconds(20))
        }
        let all = try daemon.residentBytes()
        for remix in remixes { remix.cancel() }
        return all - alone
      }
      #expect(before > 0)
      // Eight are 135 MiB of files.
      #expect(waiting < 40 << 20, "\(waiting >> 20) MiB")
    }
  }
}

extension RunningDaemon {
  /// Memory that the process has now.
  fileprivate func residentBytes() throws -> Int {
    let text = try String(contentsOfFile: "/proc/\(self.program.pid)/statm", encoding: .utf8)
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    return try #require(pages) * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}
