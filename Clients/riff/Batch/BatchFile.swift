#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A file of prompts and settings: JSON lines, JSON, CSV with a line of names, or what the playground of
/// riffusion takes.
struct BatchFile {
  /// What is said of one sound.
  struct Entry {
    /// Where it stands, for messages: "line 3".
    var place: String
    /// By the names that the file has for them.
    var settings: [(key: String, values: [String])]
  }

  let path: String
  private(set) var entries: [Entry] = []

  /// Bytes and entries that a file may have.
  private static let sizeLimit = 64 << 20
  private static let entryLimit = 100_000

  /// - Throws: ``Failure`` that names the file and the place at fault.
  init(path: String) throws {
    self.path = path
    let bytes = try InputFile(path: path).start(Self.sizeLimit + 1)
    guard bytes.count <= Self.sizeLimit else {
      throw self.failure("must have at most \(Self.sizeLimit >> 20) MiB")
    }
    switch path.split(separator: ".").last?.lowercased() {
    case "csv": try self.readCSV(bytes)
    case "json": try self.readJSON(bytes)
    case "jsonl", "ndjson": try self.readLines(bytes)
    default:
      guard path == "-" else {
        throw Failure.usage(
          "\(path): the extension says what a batch is: .jsonl, .json or .csv; - reads JSON lines")
      }
      try self.readLines(bytes)
    }
    guard !self.entries.isEmpty else { throw self.failure("has no entries") }
    guard self.entries.count <= Self.entryLimit else {
      throw self.failure("must have at most \(Self.entryLimit) entries, not \(self.entries.count)")
    }
  }

  /// The file's folder with the slash, where relative paths in it begin; empty: the current one.
  var folder: String { self.path.lastIndex(of: "/").map { String(self.path[...$0]) } ?? "" }

  func failure(_ what: String, _ place: String? = nil) -> Failure {
    let name = self.path == "-" ? "standard input" : self.path
    return Failure(message: "\(name): \(place.map { "\($0): " } ?? "")\(what)")
  }

  private mutating func readLines(_ bytes: [UInt8]) throws {
    for (index, line) in bytes.split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
    ).enumerated() {
      guard line.contains(where: { !" \t\r".utf8.contains($0) }) else { continue }
      let place = "line \(index + 1)"
      self.entries.append(
        Entry(place: place, settings: try self.object(Data(line), place).sorted()))
    }
  }

  private mutating func readJSON(_ bytes: [UInt8]) throws {
    let data = Data(bytes)
    if let playground = try? Self.decoder.decode(Playground.self, from: data) {
      self.entries = playground.batch
      return
    }
    let objects: [[String: JSONScalars]]
    do {
      objects = try Self.decoder.decode([[String: JSONScalars]].self, from: data)
    } catch {
      throw self.failure(
        "must be a list of objects, or riffusion's “params” and “entries”: \(Self.words(error))")
    }
    self.entries = objects.enumerated().map { index, object in
      Entry(place: "entry \(index + 1)", settings: object.mapValues(\.words).sorted())
    }
  }

  private mutating func readCSV(_ bytes: [UInt8]) throws {
    let table: [CSVTable.Row]
    do {
      table = try CSVTable(String(decoding: bytes, as: UTF8.self)).rows
    } catch {
      throw self.failure(error.message, "line \(error.line)")
    }
    guard let names = table.first?.cells else { return }
    for row in table.dropFirst() {
      let place = "line \(row.line)"
      guard row.cells.count <= names.count else {
        throw self.failure("has \(row.cells.count) values for \(names.count) names", place)
      }
      // An empty cell says nothing.
      let settings = zip(names, row.cells).filter { !$1.isEmpty }.map { ($0, [$1]) }
      guard !settings.isEmpty else { continue }
      self.entries.append(Entry(place: place, settings: settings))
    }
  }

  private func object(_ data: Data, _ place: String) throws -> [String: [String]] {
    do {
      return try Self.decoder.decode([String: JSONScalars].self, from: data).mapValues(\.words)
    } catch {
      throw self.failure("expected an object of JSON: \(Self.words(error))", place)
    }
  }

  /// As written by hand: riffusion's own example has a comma too many.
  private static var decoder: JSONDecoder {
    let decoder = JSONDecoder()
    decoder.allowsJSON5 = true
    return decoder
  }

  private static func words(_ error: any Error) -> String {
    switch error as? DecodingError {
    case .keyNotFound(let key, _): "“\(key.stringValue)” is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      if context.codingPath.isEmpty {
        "it is something else"
      } else {
        "“\(context.codingPath.map(\.stringValue).joined(separator: "."))” cannot be read"
      }
    default: "it is not JSON"
    }
  }

  /// riffusion-hobby's `text_to_audio_batch.py`: sets of parameters, and entries that each is used for.
  private struct Playground: Decodable {
    /// One, or several.
    struct Sets: Decodable {
      var all: [[String: JSONScalars]]

      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let one = try? container.decode([String: JSONScalars].self) {
          self.all = [one]
        } else {
          self.all = try container.decode([[String: JSONScalars]].self)
        }
      }
    }

    var params: Sets
    var entries: [[String: JSONScalars]]

    /// What it takes where nothing is said.
    private static let defaults = [
      "num_inference_steps": ["50"], "guidance": ["7"], "width": ["512"],
      "scheduler": ["DPMSolverMultistepScheduler"], "seed": ["42"],
    ]

    var batch: [Entry] {
      self.entries.enumerated().flatMap { index, entry in
        self.params.all.enumerated().map { number, params in
          var settings = Self.defaults
          settings.merge(params.mapValues(\.words)) { $1 }
          settings.merge(entry.mapValues(\.words)) { $1 }
          settings["name"] = nil
          let place = "entry \(index + 1)"
          let isOne = self.params.all.count == 1
          return Entry(
            place: isOne ? place : "\(place), params \(number + 1)", settings: settings.sorted())
        }
      }
    }
  }
}

extension [String: [String]] {
  /// In an order of its own, so that equal entries are equal.
  fileprivate func sorted() -> [(key: String, values: [String])] {
    self.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}
