import Foundation
import RiffProtocol
import Testing

extension DaemonTests {
  /// Where `riff` writes: nothing of the user's is overwritten unasked, and files are whole.
  @Suite struct OutputTests {
    private static let quick = "--steps 2 --duration 0.5 --seed 7"
    private static let magic: [String: [UInt8]] = [
      "opus": Array("OggS".utf8), "ogg": Array("OggS".utf8), "wav": Array("RIFF".utf8),
      "flac": Array("fLaC".utf8), "mp3": Array("ID3".utf8), "png": [0x89, 0x50, 0x4E, 0x47],
    ]

    private func bytes(_ path: String) throws -> [UInt8] {
      Array(try #require(FileManager.default.contents(atPath: path), "\(path)"))
    }

    private func kind(_ path: String) throws -> mode_t { try self.status(path).st_mode & S_IFMT }
    private func mode(_ path: String) throws -> mode_t { try self.status(path).st_mode & 0o777 }

    private func status(_ path: String) throws -> stat {
      var status = stat()
      try #require(lstat(path, &status) == 0, "\(path)")
      return status
    }

    @Test func namesThatWereNotChosenReplaceNothing() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let first = try await daemon.terminal(
        "riff generate 'Church bells!' \(Self.quick)", in: folder)
      #expect(first.status == 0, "\(String(decoding: first.output, as: UTF8.self))")
      #expect(folder.contents == ["church-bells-7.opus"])
      let before = try self.bytes(folder.file("church-bells-7.opus"))
      let more = try await daemon.terminal(
        """
        riff generate 'church BELLS' --steps 3 --duration 0.5 --seed 7
        riff generate 'church bells' --steps 3 --duration 0.5 --seed 8 --format flac
        """, in: folder)
      #expect(more.status == 0)
      #expect(
        folder.contents == ["church-bells-7-2.opus", "church-bells-7.opus", "church-bells-8.flac"])
      #expect(try self.bytes(folder.file("church-bells-7.opus")) == before)
    }

    @Test func namesKeepTheirDotsAndTheOriginalStays() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      try await SoundWitness.make(folder.file("01. Intro.mp3"))
      try await SoundWitness.make(folder.file("song.opus"))
      let song = try self.bytes(folder.file("song.opus"))
      let result = try await daemon.terminal(
        """
        riff spectrogram '01. Intro.mp3' && riff spectrogram song.opus && riff render song.png \
        && riff spectrogram song.opus
        """, in: folder)
      #expect(result.status == 0, "\(String(decoding: result.output, as: UTF8.self))")
      #expect(
        folder.contents
          == [
            "01. Intro.mp3", "01. Intro.png", "song-2.opus", "song-2.png", "song.opus", "song.png",
          ])
      #expect(try self.bytes(folder.file("song.opus")) == song)
    }

    @Test func whatIsReadIsNeverWritten() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      try await SoundWitness.make(folder.file("song.opus"))
      let song = try self.bytes(folder.file("song.opus"))
      for name in ["song.opus", "hard.opus", "soft.opus", "./song.opus"] {
        let result = try await daemon.shell(
          """
          ln -f song.opus hard.opus; ln -sf song.opus soft.opus
          riff generate x \(Self.quick) --init song.opus -o \(name)
          """, in: folder)
        #expect(result.status == 64 && result.errors.contains("the file that is read"))
      }
      let piped = try await daemon.shell(
        "riff generate x \(Self.quick) --init - -o song.opus < song.opus", in: folder)
      #expect(piped.status == 64, "\(piped.errors)")
      #expect(try self.bytes(folder.file("song.opus")) == song)
    }

    @Test func pipesAndDevicesAreWrittenInto() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let result = try await daemon.shell(
        """
        run() { riff generate harp \(Self.quick) "$@" || exit 1; }
        run -o plain.wav
        mkfifo fifo.wav fifo; ln -s fifo link
        cat fifo.wav > 1 & run -o fifo.wav; wait $!
        cat fifo > 2 & run -o fifo --format wav; wait $!
        cat fifo > 3 & run -o link --format wav; wait $!
        run -o /dev/stdout --format wav | cat > 4
        run -o >(cat > 5) --format wav; while [ ! -s 5 ]; do sleep 0.05; done
        echo begin > 6; run -o /dev/stdout --format wav >> 6
        run -o - --format wav > 7
        run -o /dev/null
        test -p fifo && test -p fifo.wav && test -p link && test -h link && test -c /dev/null
        """, in: folder)
      #expect(result.status == 0, "\(result.errors)")
      let plain = try self.bytes(folder.file("plain.wav"))
      for name in ["1", "2", "3", "4", "5"] {
        let piped = try self.bytes(folder.file(name))
        // In a pipe, lengths are not known yet.
        #expect(piped.count == plain.count, "\(name)")
        #expect(piped.suffix(80_000) == plain.suffix(80_000), "\(name)")
        #expect(Array(piped[4..<8]) == [0xFF, 0xFF, 0xFF, 0xFF], "\(name)")
      }
      #expect(try self.bytes(folder.file("6")).starts(with: Array("begin\nRIFF".utf8)))
      #expect(try self.bytes(folder.file("6")).count == 6 + plain.count)
      // Led into a file, the start can be written again.
      #expect(try self.bytes(folder.file("7")) == plain)
    }

    @Test func aFileIsReplacedWithItsModeAndThroughItsLink() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let result = try await daemon.shell(
        """
        mkdir real; echo old > real/a.opus; chmod 640 real/a.opus; ln -s real/a.opus b.opus
        ln -s real/new.opus c.opus; umask 027
        for file in b.opus c.opus d.opus; do riff generate harp \(Self.quick) -o $file || exit 1; done
        """, in: folder)
      #expect(result.status == 0, "\(result.errors)")
      #expect(try self.kind(folder.file("b.opus")) == S_IFLNK)
      #expect(try self.kind(folder.file("c.opus")) == S_IFLNK)
      for name in ["real/a.opus", "real/new.opus", "d.opus"] {
        #expect(try self.bytes(folder.file(name)).starts(with: Array("OggS".utf8)))
        #expect(try self.mode(folder.file(name)) == 0o640, "\(name)")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("real")).count == 2)
    }

    @Test func whatMustNotBeReplacedIsSaidBeforeAnythingIsMade() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let prepared = try await daemon.shell(
        """
        echo old > read-only.opus; chmod 444 read-only.opus
        mkdir folder.opus closed; chmod 555 closed
        python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('socket.opus')"
        """, in: folder)
      #expect(prepared.status == 0, "\(prepared.errors)")
      for (path, said) in [
        ("read-only.opus", "read-only"), ("folder.opus", "a folder"),
        ("closed/x.opus", "read-only"),
        ("socket.opus", "a socket"), ("missing/x.opus", "No such file"), (".", "a folder"),
      ] {
        let result = try await daemon.shell(
          "riff generate harp \(Self.quick) -o \(path)", in: folder)
        #expect(result.status == 1 && result.errors.contains(said), "\(path): \(result.errors)")
      }
      #expect(try self.bytes(folder.file("read-only.opus")) == Array("old\n".utf8))
      #expect(try await daemon.status().jobsDone == 0)
      chmod(folder.file("closed"), 0o755)
    }

    @Test(.enabled(if: geteuid() == 0, "only root can become somebody else"))
    func ownersAreKeptOrTheFileIsRefused() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let kept = try await daemon.shell(
        """
        echo old > theirs.opus; chown 65534:65534 theirs.opus; chmod 604 theirs.opus
        riff generate harp \(Self.quick) -o theirs.opus
        """, in: folder)
      #expect(kept.status == 0, "\(kept.errors)")
      let status = try self.status(folder.file("theirs.opus"))
      #expect(status.st_uid == 65_534 && status.st_gid == 65_534 && status.st_mode & 0o777 == 0o604)
      #expect(try self.bytes(folder.file("theirs.opus")).starts(with: Array("OggS".utf8)))

      for (name, prepare, said) in [
        ("roots.opus", "chmod 666 roots.opus", "belongs to user 0"),
        ("closed.opus", "chmod 644 closed.opus", "read-only"),
        ("own.opus", "chown 65534 own.opus; chmod 444 own.opus", "read-only"),
      ] {
        let result = try await daemon.shell(
          """
          chmod 777 .; echo old > \(name); \(prepare)
          setpriv --reuid=65534 --regid=65534 --clear-groups \
          "$RIFF" generate harp \(Self.quick) -o \(name)
          """, in: folder)
        #expect(result.status == 1 && result.errors.contains(said), "\(name): \(result.errors)")
        #expect(try self.bytes(folder.file(name)) == Array("old\n".utf8))
      }
      #expect(folder.contents.count == 4)
    }

    @Test func whateverEndsItThereIsTheOldFileOrTheNewOne() async throws {
      let daemon = try await RunningDaemon()
      for (number, status) in [(SIGKILL, 137), (SIGHUP, 129), (SIGTERM, 143), (SIGINT, 130)] {
        let folder = try TemporaryFolder()
        try "old".write(toFile: folder.file("a.opus"), atomically: false, encoding: .utf8)
        let program = try Program(
          Checkout.program("riff"),
          [
            "--socket", daemon.socket, "generate", "harp", "--steps", "1000", "-o",
            folder.file("a.opus"), "-o", folder.file("a.png"),
          ])
        try await daemon.waitForDenoising()
        program.signal(number)
        #expect(try await program.result().status == Int32(status))
        #expect(folder.contents == ["a.opus"])
        #expect(try self.bytes(folder.file("a.opus")) == Array("old".utf8))
        _ = try await daemon.waitForSilence()
      }
    }

    @Test func oneJobMakesASoundAndAPicture() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let result = try await daemon.shell(
        """
        riff generate harp \(Self.quick) -o both.wav -o both.png || exit 1
        riff generate harp \(Self.quick) -o - -o piped.png --format wav > piped.wav || exit 1
        riff generate harp \(Self.quick) -o sound.wav && riff generate harp \(Self.quick) -o picture.png
        """, in: folder)
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.errors.contains("both.wav, both.png"), "\(result.errors)")
      // Of the two, only the files' own words about themselves differ.
      let samples = try self.bytes(folder.file("sound.wav")).suffix(90_000)
      for name in ["both.wav", "piped.wav"] {
        #expect(try self.bytes(folder.file(name)).suffix(90_000) == samples, "\(name)")
      }
      let pixels = try await Program.run(
        "/usr/bin/python3",
        [
          "-c",
          "import sys; from PIL import Image; "
            + "a, b, c = (Image.open(p).tobytes() for p in sys.argv[1:]); print(a == b == c)",
          folder.file("both.png"), folder.file("piped.png"), folder.file("picture.png"),
        ])
      #expect(String(decoding: pixels.output, as: UTF8.self) == "True\n", "\(pixels.errors)")
      #expect(try await daemon.status().jobsDone == 4)

      for outputs in ["-o a.wav -o b.opus", "-o a.png -o b.png", "-o a.wav -o a.png -o b.mp3"] {
        let refused = try await daemon.shell(
          "riff generate harp \(Self.quick) \(outputs)", in: folder)
        #expect(refused.status == 64 && refused.errors.contains("one sound and one picture"))
      }
    }

    @Test func theFormatIsTheExtensionsOrAsSaid() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      for name in ["a.OPUS", "a.Ogg", "a.Wav", "a.FLAC", "a.mP3", "a.PNG"] {
        let result = try await daemon.shell(
          "riff generate harp \(Self.quick) -o \(name)", in: folder)
        #expect(result.status == 0, "\(result.errors)")
        let magic = try #require(Self.magic[(name as NSString).pathExtension.lowercased()])
        #expect(try self.bytes(folder.file(name)).starts(with: magic), "\(name)")
      }
      for format in ["opus", "wav", "flac", "mp3"] {
        let result = try await daemon.shell(
          """
          riff generate harp \(Self.quick) --format \(format) | cat > piped || exit 1
          riff render a.PNG --format \(format) | cat > rendered || exit 1
          riff generate harp \(Self.quick) --format \(format) -o take-\(format) || exit 1
          cat piped | ffmpeg -v error -i - -f null - && cat rendered | ffmpeg -v error -i - -f null -
          """, in: folder)
        #expect(result.status == 0 && !result.errors.contains("Invalid"), "\(result.errors)")
        let magic = try #require(Self.magic[format])
        for name in ["piped", "rendered", "take-\(format)"] {
          #expect(try self.bytes(folder.file(name)).starts(with: magic), "\(format), \(name)")
        }
      }
      for arguments in ["-o a.wav --format flac", "-o a.png --format wav", "-o noextension"] {
        let result = try await daemon.shell(
          "riff generate harp \(Self.quick) \(arguments)", in: folder)
        #expect(result.status == 64, "\(arguments): \(result.errors)")
      }
    }

    @Test func everyFormatHasTheExactLengthAndTheFade() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      var sounds: [String: [Float]] = [:]
      for (name, arguments) in [
        ("f32.wav", ""), ("s24.wav", "--sample-format s24"), ("s16.wav", "--sample-format s16"),
        ("s24.flac", ""), ("s16.flac", "--sample-format s16"), ("a.mp3", "--bitrate 320k"),
        ("a.opus", "--bitrate 128k"), ("faded.wav", "--fade 100"),
      ] {
        let result = try await daemon.shell(
          "riff generate harp --seed 3 --steps 2 --duration 1.00002 -o \(name) \(arguments)",
          in: folder)
        #expect(result.status == 0, "\(result.errors)")
        sounds[name] = try await SoundWitness.decode(folder.file(name))
        #expect(sounds[name]?.count == 48_001, "\(name)")
      }
      let plain = try #require(sounds["f32.wav"])
      #expect(sounds["s24.flac"] == sounds["s24.wav"] && sounds["s16.flac"] == sounds["s16.wav"])
      let faded = try #require(sounds["faded.wav"])
      #expect(faded[4_800..<43_200] == plain[4_800..<43_200])
      #expect(abs(faded[0]) <= 1e-4 && abs(faded[48_000]) <= 1e-4)
      #expect(plain[0..<480].contains { abs($0) > 1e-4 })
      // The rendered picture fades, too.
      let rendered = try await daemon.shell(
        """
        riff generate harp --seed 3 --steps 2 --width 64 -o a.png && riff render a.png -o b.wav \
        --fade 50
        """, in: folder)
      #expect(rendered.status == 0, "\(rendered.errors)")
      let sound = try await SoundWitness.decode(folder.file("b.wav"))
      let last = try #require(sound.last)
      #expect(abs(last) <= 1e-4)
    }

    @Test func takesHaveSeedsThatFollowEachOther() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let quick = "--steps 2 --duration 0.5"
      let result = try await daemon.shell(
        """
        riff generate harp \(quick) --seed 7 --count 3 -o take.wav || exit 1
        riff generate harp \(quick) --seed 9 -o single.wav
        """, in: folder)
      #expect(result.status == 0, "\(result.errors)")
      #expect(folder.contents == ["single.wav", "take-1.wav", "take-2.wav", "take-3.wav"])
      for number in 1...3 { #expect(result.errors.contains("take-\(number).wav: 0.5 s")) }
      let third = try self.bytes(folder.file("take-3.wav")).suffix(90_000)
      let single = try self.bytes(folder.file("single.wav")).suffix(90_000)
      let other = try self.bytes(folder.file("take-2.wav")).suffix(90_000)
      #expect(third == single && third != other)

      // Nothing is replaced, and both files of a take have one number.
      try FileManager.default.removeItem(atPath: folder.file("take-1.wav"))
      let second = try await daemon.shell(
        "riff generate harp \(quick) --count 2 -o take.wav -o take.png", in: folder)
      #expect(second.status == 0, "\(second.errors)")
      #expect(
        folder.contents == [
          "single.wav", "take-1.png", "take-1.wav", "take-2.wav", "take-3.wav", "take-4.png",
          "take-4.wav",
        ])
      // Names of ours have the seed.
      let named = try TemporaryFolder()
      let seeded = try await daemon.shell(
        "riff generate harp \(quick) --seed 41 --count 2 | cat", in: named)
      #expect(seeded.status == 0 && named.contents == ["harp-41.opus", "harp-42.opus"])
      // A clip is read again for each take.
      let remixed = try await daemon.shell(
        """
        riff generate choir --init single.wav \(quick) --count 2 --seed 1 -o '\(named.path)/mix.opus'
        """, in: folder)
      #expect(remixed.status == 0, "\(remixed.errors)")
      #expect(named.contents.filter { $0.hasPrefix("mix") } == ["mix-1.opus", "mix-2.opus"])

      for arguments in [
        "-o -", "-o /dev/null", "--count 0", "--seed 18446744073709551615 -o x.opus",
      ] {
        let refused = try await daemon.shell(
          "riff generate harp \(quick) --count 2 \(arguments)", in: folder)
        #expect(refused.status == 64, "\(arguments): \(refused.errors)")
      }
    }

    @Test func aReaderThatQuitsEndsTheJobQuietly() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      // One that has read enough, and one that goes while nothing has come yet.
      for reader in ["head -c 1000", "sleep 0.2"] {
        let result = try await daemon.shell(
          """
          riff generate harp --quiet --steps 1000 | \(reader) > /dev/null
          [ "${PIPESTATUS[0]}" = 141 ]
          """.replacingOccurrences(
            of: "--steps 1000", with: reader == "sleep 0.2" ? "--steps 1000" : "--steps 2"),
          in: folder)
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        _ = try await daemon.waitForSilence()
      }
      #expect(try await daemon.status().jobsCancelled >= 1)
    }

    @Test func progressAndAPlayersLinesShareATerminal() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      // A player that shows its status in one line, as mpv does, from the start of the sound.
      let result = try await daemon.terminal(
        """
        player() { head -c 4 > /dev/null; for i in 1 2 3; do printf '\\rA: 00:0%s' $i >&2; done;
        cat > /dev/null; printf '\\rA: end of file\\n' >&2; }
        riff generate harp \(Self.quick) | player
        echo alone; riff generate harp \(Self.quick) -o a.opus
        """, in: folder)
      #expect(result.status == 0)
      let parts = String(decoding: result.output, as: UTF8.self).components(separatedBy: "alone")
      try #require(parts.count == 2)
      let lines = parts[0].components(separatedBy: "\r\n")
      #expect(lines.contains("riff: painting, 2 steps"), "\(lines)")
      #expect(lines.contains("riff: seed 7"), "\(lines)")
      let player = try #require(lines.firstIndex { $0.contains("A: ") })
      #expect(lines[player] == "\rA: 00:01\rA: 00:02\rA: 00:03\rA: end of file", "\(lines)")
      #expect(
        lines[..<player].allSatisfy { $0.hasPrefix("riff: ") && !$0.contains("\r") }, "\(lines)")
      #expect(lines[(player + 1)...].allSatisfy { $0.isEmpty }, "\(lines)")
      // Alone, progress is one line that is written again.
      #expect(parts[1].contains("\rpainting [===================="), "\(parts[1])")
    }
  }
}
