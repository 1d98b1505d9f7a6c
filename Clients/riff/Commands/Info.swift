import ArgumentParser
import GRPCCore
import Provenance
import RiffProtocol
import Spectrogram
import SwiftProtobuf

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension Riff {
  struct Info: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "How a sound or picture was made, and with --plot how it looks.",
      discussion: """
        riff info bells.opus
        riff info beat.png --json | jq .settings.seed
        riff info song.mp3 --plot

        Needs no daemon, but for --plot of sounds. Reads what riffd writes into Opus, WAV, FLAC, MP3 and PNG files, and the parameters in the \
        EXIF of riffusion's pictures. riff generate --like makes a file again.
        """)

    @Argument(help: "A file, or - for standard input.") var file: String
    @Flag(help: "As a JSON object: file, settings, spectrogram.") var json = false
    @Flag(help: "Draw the spectrogram in the terminal, with time and frequency.") var plot = false
    @OptionGroup(title: "Daemon") var place: SocketOption
    @ParentCommand var riff: Riff

    /// What is printed.
    private struct Report: Encodable {
      var file: String
      /// By the names that requests have for them.
      var settings: [String: String]?
      /// A picture's EXIF, by the names of SpectrogramOptions.
      var spectrogram: [String: Double]?
    }

    func run() async throws {
      if self.plot { try await self.drawPlot() }
      let bytes = try InputFile(path: self.file).start(FileNotes.length)
      let notes = FileNotes(fileStart: bytes)
      let exif = try self.exif(notes, bytes)
      let recipe = notes?.recipe
      guard recipe != nil || exif != nil else {
        if self.plot { return }
        throw Failure(
          message: "\(self.file) does not say how it was made: neither riff nor riffusion made it")
      }
      // The flag may stand before the command's name.
      if self.json || self.riff.connection.json {
        try self.printJSON(recipe, exif)
        return
      }
      for setting in recipe?.settings ?? [] {
        print("\(setting.name): \(Self.printable(setting.value))")
      }
      for (name, value) in exif ?? [] { print("EXIF \(name): \(Self.text(value))") }
    }

    func validate() throws {
      if self.plot, self.json { throw ValidationError("--plot draws, --json does not; give one") }
      if self.plot, self.file == "-" {
        throw ValidationError("--plot reads the file twice; give a file, not -")
      }
    }

    private func drawPlot() async throws {
      let terminal = Terminal.standardOutput
      var graphics = TerminalGraphics { name in getenv(name).map { String(cString: $0) } }
      if !terminal.isInteractive, getenv("RIFF_GRAPHICS") == nil { graphics = .shades }
      let size = terminal.size ?? (columns: 80, rows: 24)
      let lines = PlotText(levels: try await self.levels(), graphics: graphics ?? .shades)
        .lines(columns: size.columns, rows: max(6, min(20, size.rows - 6)))
      print(lines.joined(separator: "\n"))
    }

    /// A picture's own, a sound's from the daemon.
    private func levels() async throws -> Levels {
      let file = self.file
      do {
        if PictureFormat(detecting: try InputFile(path: file).start(64)).isPicture {
          return try Levels(picture: try InputFile(path: file).start(.max))
        }
        let address = try DaemonAddress(
          socket: self.place.socket ?? self.riff.connection.socket,
          group: self.place.allowedGroup ?? self.riff.connection.allowedGroup)
        let upload = try InputFile(path: file)
        let png = try await SoundUpload.send(upload) { pieces in
          try await DaemonConnection(address: address, file: file).run { daemon in
            try await daemon.analyze(requestProducer: { writer in
              try await writer.write(.with { $0.options.fileName = FileName.last(file) })
              while let piece = try await pieces() {
                try await writer.write(.with { $0.chunk = piece })
              }
            }).png
          }
        }
        return try Levels(picture: Array(png))
      } catch let error as SpectrogramError {
        throw Failure(message: "\(file): \(error)")
      }
    }

    private func printJSON(_ recipe: Recipe?, _ exif: [(name: String, value: Double)]?) throws {
      func table<Value>(_ pairs: [(String, Value)]) -> [String: Value] {
        Dictionary(pairs) { first, _ in first }
      }
      let report = Report(
        file: self.file, settings: recipe.map { table($0.settings.map { ($0.name, $0.value) }) },
        spectrogram: exif.map { table($0.map { ($0.name, $0.value) }) })
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      print(String(decoding: try encoder.encode(report), as: UTF8.self))
    }

    /// The parameters in a picture's EXIF; nil where it has none of riffusion's tags.
    private func exif(
      _ notes: FileNotes?, _ bytes: [UInt8]
    ) throws -> [(name: String, value: Double)]? {
      do {
        var payload = notes?.exif
        if notes == nil, case .jpeg = PictureFormat(detecting: bytes) {
          payload = try TaggedImage(file: bytes).exif
        }
        guard let payload, let exif = try SpectrogramEXIF.read(payload) else { return nil }
        let parameters = exif.parameters
        return [
          ("sample_rate", Double(parameters.sampleRate)), ("stereo", parameters.stereo ? 1 : 0),
          ("step_ms", Double(parameters.stepMilliseconds)),
          ("window_ms", Double(parameters.windowMilliseconds)),
          ("padded_ms", Double(parameters.paddedMilliseconds)),
          ("mel_bins", Double(parameters.melBins)),
          ("min_frequency", Double(parameters.minFrequency)),
          ("max_frequency", Double(parameters.maxFrequency)), ("power", parameters.power),
          ("maximum", exif.maximum),
        ]
      } catch {
        throw Failure(message: "\(self.file): \(error)")
      }
    }

    /// A value on one line, without what would steer a terminal.
    private static func printable(_ text: String) -> String {
      text.unicodeScalars.reduce(into: "") { line, scalar in
        let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        if isControl {
          line += scalar.escaped(asASCII: true)
        } else {
          line.unicodeScalars.append(scalar)
        }
      }
    }

    private static func text(_ number: Double) -> String {
      Int(exactly: number).map { "\($0)" } ?? "\(number)"
    }
  }
}
