import ArgumentParser
import Provenance
import Spectrogram

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Riff {
  struct Info: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "How a sound or picture was made. Needs no daemon.",
      discussion: """
        riff info bells.opus
        riff info beat.png --json | jq .settings.seed

        Reads what riffd writes into Opus, WAV, FLAC, MP3 and PNG files, and the parameters in the \
        EXIF of riffusion's pictures. riff generate --like makes a file again.
        """)

    @Argument(help: "A file, or - for standard input.") var file: String
    @Flag(help: "As a JSON object: file, settings, spectrogram.") var json = false
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
      let bytes = try InputFile(path: self.file).start(FileNotes.length)
      let notes = FileNotes(fileStart: bytes)
      let exif = try self.exif(notes, bytes)
      let recipe = notes?.recipe
      guard recipe != nil || exif != nil else {
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
