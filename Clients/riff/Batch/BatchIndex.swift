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

/// What became of each sound of a batch: `index.jsonl` in its folder, a line each, written as soon as it is
/// known, by which the next run goes on.
final class BatchIndex {
  struct Line: Codable, Sendable {
    enum Status: String, Codable, Sendable {
      case done, failed
    }

    var number: Int
    /// Tells the request from others.
    var key: String
    /// Where the batch says it.
    var place: String
    var status: Status
    var prompt: String
    /// In the folder.
    var file: String?
    var picture: String?
    var seed: UInt64?
    var seconds: Double?
    var error: String?
  }

  static let name = "index.jsonl"

  let folder: String
  private let descriptor: Int32
  /// Keys of what is done, and whose files are still there.
  private(set) var done: Set<String> = []

  /// Makes the folder if it is missing.
  ///
  /// - Throws: ``Failure`` where it cannot be written, or another run writes into it now.
  init(folder: String) throws {
    self.folder = folder
    if mkdir(folder, 0o777) != 0, errno != EEXIST {
      throw Failure(file: folder, "make the folder", errno: errno)
    }
    let path = folder + "/" + Self.name
    self.descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
    guard self.descriptor >= 0 else { throw Failure(file: path, "write", errno: errno) }
    // From here on everything is set, so that `deinit` closes it, whatever is thrown.
    guard flock(self.descriptor, LOCK_EX | LOCK_NB) == 0 else {
      throw Failure(message: "another riff batch writes into \(folder)")
    }
    try self.read(path)
  }

  deinit { close(self.descriptor) }

  /// Appends a line in one write.
  func append(_ line: Line) throws {
    let bytes = try Self.encoder.encode(line) + [UInt8(ascii: "\n")]
    let count = bytes.withUnsafeBytes { Descriptor.write(self.descriptor, $0) }
    guard count == bytes.count else {
      throw Failure(
        file: self.folder + "/" + Self.name, "write", errno: count < 0 ? errno : ENOSPC)
    }
  }

  private func read(_ path: String) throws {
    let bytes = try InputFile(path: path).start(.max)
    let decoder = JSONDecoder()
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      // One that a run did not finish is as good as none.
      guard let line = try? decoder.decode(Line.self, from: Data(line)) else { continue }
      guard line.status == .done, let file = line.file,
        access(self.folder + "/" + file, F_OK) == 0
      else {
        self.done.remove(line.key)
        continue
      }
      self.done.insert(line.key)
    }
    if let last = bytes.last, last != UInt8(ascii: "\n") {
      let newline: [UInt8] = [UInt8(ascii: "\n")]
      _ = newline.withUnsafeBytes { Descriptor.write(self.descriptor, $0) }
    }
  }

  static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }
}
