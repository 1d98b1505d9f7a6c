import Foundation
import RiffProtocol
import Testing

extension DaemonTests {
  /// Sound that is heard while it is made, and what is said meanwhile.
  @Suite(.timeLimit(.minutes(2))) struct PlayTests {
    private static let quick = "--steps 2 --duration 0.5 --seed 7"

    /// A folder with a player of that name, first in the path of scripts that begin with the result.
    private func player(
      _ name: String, _ script: String, in folder: TemporaryFolder
    ) throws -> String {
      let bin = folder.file("bin")
      try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: true)
      try "#!/bin/sh\n\(script)\n".write(
        toFile: "\(bin)/\(name)", atomically: true, encoding: .utf8)
      chmod("\(bin)/\(name)", 0o755)
      return "export PATH='\(bin)':$PATH; mkdir -p out; cd out; export RIFF_PLAYER=;"
    }

    private func bytes(_ folder: TemporaryFolder, _ name: String) -> Data? {
      FileManager.default.contents(atPath: folder.file(name))
    }

    @Test func onATerminalItIsPlayedWhileItIsMadeAndKept() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let setup = try self.player(
        "mpv", "echo \"$@\" >../arguments; head -c 4 >../heard; ls >../files; cat >>../heard",
        in: folder)
      // More than a pipe holds, so that the file cannot be complete before the player goes on.
      let result = try await daemon.terminal(
        "\(setup) riff generate 'church bells' --steps 2 --duration 2 --seed 7 --format wav",
        in: folder)
      #expect(result.status == 0, "\(String(decoding: result.output, as: UTF8.self))")
      let kept = try #require(self.bytes(folder, "out/church-bells-7.wav"))
      let heard = try #require(self.bytes(folder, "heard"))
      // Only the file's header has the length.
      #expect(heard.count == kept.count && heard.suffix(300_000) == kept.suffix(300_000))
      // It began before there was a file.
      #expect(self.bytes(folder, "files") == Data())
      let arguments = self.bytes(folder, "arguments").map { String(decoding: $0, as: UTF8.self) }
      #expect(arguments?.hasSuffix(" -\n") == true)
      // With -o, and where it is asked not to be, nothing is heard.
      let silent = try await daemon.terminal(
        """
        \(setup) rm ../heard; riff generate harp \(Self.quick) -o a.opus
        riff generate harp \(Self.quick) --no-play
        """, in: folder)
      #expect(silent.status == 0)
      #expect(self.bytes(folder, "heard") == nil)
      // With --play, beside -o.
      let asked = try await daemon.terminal(
        "\(setup) riff generate harp \(Self.quick) -o b.opus --play", in: folder)
      #expect(asked.status == 0)
      #expect(self.bytes(folder, "heard") == self.bytes(folder, "out/b.opus"))
    }

    @Test func aPlayerThatIsClosedDoesNotStopTheJob() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let setup = try self.player("mpv", "head -c 4 >../heard", in: folder)
      let result = try await daemon.terminal(
        "\(setup) riff generate strings --duration 8 --steps 2 --seed 3", in: folder)
      #expect(result.status == 0, "\(String(decoding: result.output, as: UTF8.self))")
      let kept = try #require(self.bytes(folder, "out/strings-3.opus"))
      #expect(self.bytes(folder, "heard") == kept.prefix(4))
      let info = try await Program.run("opusinfo", [folder.file("out/strings-3.opus")])
      #expect(info.status == 0)
    }

    @Test func aPlayerThatIsNotThereDoesNotStopTheJob() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let result = try await daemon.terminal(
        "export RIFF_PLAYER=no-such-player; riff generate harp \(Self.quick)", in: folder)
      let text = String(decoding: result.output, as: UTF8.self)
      #expect(result.status == 0 && text.contains("no-such-player is not installed"), "\(text)")
      #expect(self.bytes(folder, "harp-7.opus")?.isEmpty == false)
      // Who asks for it is told before anything is made.
      let asked = try await daemon.terminal(
        "export RIFF_PLAYER=no-such-player; riff generate harp \(Self.quick) -o a.opus --play",
        in: folder)
      #expect(asked.status == 1 && self.bytes(folder, "a.opus") == nil)
      let played = try await daemon.terminal(
        "export RIFF_PLAYER=no-such-player; riff play harp-7.opus", in: folder)
      #expect(played.status == 1)
    }

    @Test func playersOfWholeFilesGetThem() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let setup = try self.player("pw-play", "cat \"$1\" >../heard", in: folder)
      let result = try await daemon.terminal(
        """
        \(setup) export RIFF_PLAYER=pw-play; riff generate harp \(Self.quick) && \
        cmp harp-7.opus ../heard && riff play harp-7.opus && cmp harp-7.opus ../heard && \
        riff generate harp \(Self.quick) -o harp.png && riff play harp.png && head -c 4 ../heard
        """, in: folder)
      let text = String(decoding: result.output, as: UTF8.self)
      #expect(result.status == 0 && text.hasSuffix("RIFF"), "\(text)")
    }

    @Test func ffplayPlaysSoundsAndPictures() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      // SDL's driver that writes samples into a file.
      let result = try await daemon.shell(
        """
        export RIFF_PLAYER=ffplay SDL_AUDIODRIVER=disk SDL_DISKAUDIOFILE=samples SDL_DISKAUDIODELAY=0
        riff generate harp \(Self.quick) -o harp.opus -o harp.png
        riff play harp.opus && test -s samples && rm samples && riff play harp.png && test -s samples \
        && rm samples && riff play - <harp.opus && test -s samples
        """, in: folder)
      #expect(result.status == 0, "\(result.errors)")
    }

    @Test func progressIsToldAsAsked() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      func errors(_ options: String) async throws -> [Substring] {
        let result = try await daemon.shell(
          "riff generate harp --steps 3 --duration 0.5 -o a.opus \(options)", in: folder)
        #expect(result.status == 0, "\(result.errors)")
        return result.errors.split(separator: "\n")
      }
      // Nobody watches a file.
      #expect(try await errors("").count == 1)
      let plain = try await errors("--progress plain")
      #expect(plain.contains { $0.hasPrefix("riff: painting [") }, "\(plain)")
      #expect(plain.last?.contains("× real time, seed ") == true, "\(plain)")
      #expect(plain.allSatisfy { !$0.contains("\r") && !$0.contains("\u{1b}") })
      let json = try await errors("--progress json")
      let stages = json.dropLast().compactMap { line -> String? in
        let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        return (object?["progress"] as? [String: Any])?["stage"] as? String
      }
      #expect(stages.count == json.count - 1, "\(json)")
      #expect(stages.contains("STAGE_DENOISING") && stages.last == "STAGE_SOUND", "\(json)")
      #expect(try await errors("--progress none").count == 1)
      #expect(try await errors("--progress json --quiet").isEmpty)
      let wrong = try await daemon.shell("riff generate harp --progress loud", in: folder)
      #expect(wrong.status == 64 && wrong.errors.contains("plain"), "\(wrong.errors)")
    }
  }
}
