import Foundation
import Testing

extension DaemonTests {
  /// Spectrograms for people: in the terminal, and with axes.
  @Suite(.timeLimit(.minutes(2))) struct PictureTests {
    private static let quick = "--steps 2 --duration 1 --seed 7 -o harp.opus"

    private func run(
      _ script: String, _ daemon: RunningDaemon, _ folder: TemporaryFolder
    ) async throws -> String {
      let result = try await daemon.terminal(script, in: folder)
      let text = String(decoding: result.output, as: UTF8.self)
      #expect(result.status == 0, "\(text)")
      return text
    }

    @Test func aTerminalShowsThePictureAtItsWidth() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let blocks = try await self.run(
        "stty cols 90 rows 40; TERM=xterm COLORTERM=truecolor riff generate harp \(Self.quick)",
        daemon, folder)
      let lines = blocks.split(separator: "\r\n").filter { $0.contains("▀") }
      #expect(lines.count == 16)
      #expect(lines.allSatisfy { $0.filter { $0 == "▀" }.count == 90 })
      #expect(lines.allSatisfy { $0.contains("\u{1b}[38;2;") && $0.hasSuffix("\u{1b}[0m") })
      // The picture comes before the end of the sound.
      let end = try #require(blocks.range(of: "harp.opus: "))
      #expect(try #require(blocks.range(of: "▀")).lowerBound < end.lowerBound)

      let many = try await self.run(
        "TERM=xterm-256color riff generate harp \(Self.quick)", daemon, folder)
      #expect(many.contains("\u{1b}[38;5;") && !many.contains("\u{1b}[38;2;"))
      // No colours, no escape sequences at all.
      for setting in ["NO_COLOR=1 TERM=xterm-256color", "TERM=dumb"] {
        let plain = try await self.run(
          "\(setting) riff generate harp \(Self.quick)", daemon, folder)
        #expect(!plain.contains("\u{1b}") && !plain.contains("▀"), "\(setting)")
      }
      let asked = try await self.run(
        "NO_COLOR=1 TERM=xterm riff generate harp \(Self.quick) --picture", daemon, folder)
      #expect(asked.contains("▒") && !asked.contains("\u{1b}"))
      let silent = try await self.run(
        "TERM=xterm-kitty riff generate harp \(Self.quick) --no-picture", daemon, folder)
      #expect(!silent.contains("\u{1b}_G"))
    }

    /// 601 s of nothing, painted over without a step: a picture shows at most 600 s.
    @Test func whatHasNoPictureIsMadeWithoutOne() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let long = """
        head -c 4808000 /dev/zero | tr '\\0' '\\200' | \
        ffmpeg -nostdin -y -v error -f u8 -ar 8000 -ac 1 -i - -f wav long.wav
        stty cols 50 rows 20; export TERM=xterm COLORTERM=truecolor
        """
      let quick = "harp --strength 0 --steps 1 --quality draft --seed 1"
      let remixed = try await self.run(
        """
        \(long)
        riff remix long.wav \(quick) -o a.opus && riff remix - \(quick) -o b.opus <long.wav
        """, daemon, folder)
      #expect(!remixed.contains("▀"), "\(remixed)")
      for name in ["a.opus", "b.opus"] {
        let info = try await Program.run("opusinfo", [folder.file(name)])
        #expect(String(decoding: info.output, as: UTF8.self).contains("10m:01.0"), "\(name)")
      }
      // A shorter part of it has one.
      let part = try await self.run(
        "\(long)\nriff remix - \(quick) --duration 3 -o d.opus <long.wav", daemon, folder)
      #expect(part.contains("▀"), "\(part)")
      // Who asks for it is told why there is none.
      let asked = try await daemon.terminal(
        "\(long)\nriff remix long.wav \(quick) --picture -o e.opus", in: folder)
      let text = String(decoding: asked.output, as: UTF8.self)
      #expect(asked.status == 1 && text.contains("at most 600 s"), "\(text)")
      #expect(!folder.contents.contains("e.opus"))
    }

    @Test func terminalsThatShowPixelsGetThem() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let kitty = try await self.run(
        "stty cols 50 rows 20; TERM=xterm-kitty riff generate harp \(Self.quick)", daemon, folder)
      // Parts of at most 4,096 characters, together the pixels.
      let parts = kitty.matches(of: /\u{1b}_G([^;]*);([A-Za-z0-9+\/=]*)\u{1b}\\/)
      #expect(parts.first?.1.contains("a=T,f=24,s=400,v=160,c=50,r=10") == true)
      #expect(parts.allSatisfy { $0.2.count <= 4_096 } && parts.last?.1 == "m=0")
      let pixels = Data(base64Encoded: parts.map { String($0.2) }.joined())
      #expect(pixels?.count == 400 * 160 * 3)
      #expect(Set(pixels ?? Data()).count > 20)
      let sixel = try await self.run(
        "stty cols 50 rows 20; TERM=foot riff generate harp \(Self.quick)", daemon, folder)
      #expect(sixel.contains("\u{1b}Pq\"1;1;400;156#0;2;") && sixel.contains("-\u{1b}\\"))
      // A multiplexer passes neither on.
      let tmux = try await self.run(
        "TMUX=/tmp/x TERM=xterm-kitty COLORTERM=truecolor riff generate harp \(Self.quick)",
        daemon, folder)
      #expect(tmux.contains("▀") && !tmux.contains("\u{1b}_G"))
    }

    @Test func figuresHaveAxes() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let result = try await daemon.shell(
        """
        riff generate harp \(Self.quick) -o harp.png && \
        riff spectrogram harp.opus --axes --title 'Harp, π' -o sound.png && \
        riff spectrogram harp.png --axes --colours grey -o picture.png && \
        /usr/bin/python3 -c "
        from PIL import Image
        for name, title in ('sound', 'Harp, π'), ('picture', 'harp.png'):
            image = Image.open(name + '.png'); pixels = image.convert('L')
            assert image.size == (2650, 1180), image.size
            assert image.text['Title'] == title, image.text
            # Ink beside each of the plot's edges, and none in the corner.
            for box in (20, 110, 200, 1010), (210, 1030, 2310, 1170), (800, 20, 1700, 100), (2400, 110, 2640, 1010):
                assert pixels.crop(box).getextrema()[0] < 60, (name, box)
            assert pixels.crop((0, 0, 150, 60)).getextrema() == (255, 255)
            assert len(image.crop((220, 120, 2300, 1000)).getcolors(1 << 20)) > 50
        "
        """, in: folder)
      #expect(result.status == 0, "\(result.errors)")
      let wrong = try await daemon.shell("riff spectrogram harp.opus --title x", in: folder)
      #expect(wrong.status == 64 && wrong.errors.contains("--axes"))
      let fontless = try await daemon.shell(
        "RIFF_FONT=harp.opus riff spectrogram harp.png --axes -o x.png", in: folder)
      #expect(fontless.status == 1 && fontless.errors.contains("font"), "\(fontless.errors)")
      #expect(!folder.contents.contains("x.png"))
    }

    @Test func infoPlotsSoundsAndPictures() async throws {
      let daemon = try await RunningDaemon()
      let folder = try TemporaryFolder()
      let result = try await daemon.shell(
        "riff generate harp \(Self.quick) -o harp.png && riff info harp.png --plot && riff info harp.opus --plot",
        in: folder)
      let text = String(decoding: result.output, as: UTF8.self)
      #expect(result.status == 0, "\(result.errors)")
      #expect(text.components(separatedBy: "8 kHz┤").count == 3, "\(text)")
      #expect(text.components(separatedBy: "prompt: harp").count == 3)
      #expect(text.contains("└┬─") && text.contains("0.0 s") && text.contains(" 1.0 s"), "\(text)")
      // Nobody but a terminal is sent colours.
      #expect(!text.contains("\u{1b}") && text.contains("▒"))
      let lines = text.split(separator: "\n").filter { $0.contains("│") }
      #expect(lines.allSatisfy { $0.count == 79 }, "\(lines.map(\.count))")
    }
  }
}
