#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// The user's `config.yaml`, which every daemon and every client of theirs reads: where it is, and its keys.
public struct UserConfiguration: Sendable {
  /// The file, whether it is there or not.
  public let path: String
  /// Its keys, in the file's order.
  public let entries: [YAMLKeys.Entry]

  /// Keys that clients read: what options say where nobody says otherwise, and options by a name.
  public static let clientKeys = ["defaults", "presets"]
  /// Largest file that is read, in bytes.
  private static let sizeLimit = 1 << 20

  /// What is wrong with the file, and where: "config.yaml:3: …".
  public struct Failure: Error, CustomStringConvertible {
    /// A sentence that begins with the file's name and the line.
    public let description: String
  }

  /// `riffd/config.yaml` in `$XDG_CONFIG_HOME`, else in `~/.config`; nil where there is no home.
  public static func standardPath(_ environment: (String) -> String?) -> String? {
    // The XDG specification: relative paths are invalid and to be ignored.
    if let folder = environment("XDG_CONFIG_HOME"), folder.hasPrefix("/") {
      return folder + "/riffd/config.yaml"
    }
    guard let home = environment("HOME"), home.hasPrefix("/") else { return nil }
    return home + "/.config/riffd/config.yaml"
  }

  /// Reads a file; one that is not there has no keys.
  ///
  /// - Throws: ``Failure`` that names the file and the line at fault.
  public init(path: String) throws(Failure) {
    self.path = path
    guard FileManager.default.fileExists(atPath: path) else {
      self.entries = []
      return
    }
    do throws(YAMLKeys.Failure) {
      self.entries = try YAMLKeys(try Self.bytes(path)).entries
    } catch {
      throw Failure(description: "\(path):\(error.line): \(error.message)")
    }
  }

  /// What is wrong in a line of it.
  public func failure(_ what: String, line: Int) -> Failure {
    Failure(description: "\(self.path):\(line): \(what)")
  }

  /// The keys below a key; none where it is not there.
  ///
  /// - Throws: ``Failure`` where it has something else.
  public func keys(_ name: String) throws(Failure) -> [YAMLKeys.Entry] {
    guard let entry = self.entries.first(where: { $0.key == name }) else { return [] }
    guard case .keys(let keys) = entry.value else {
      throw self.failure("\(name) must have keys of its own", line: entry.line)
    }
    return keys
  }

  private static func bytes(_ path: String) throws(YAMLKeys.Failure) -> [UInt8] {
    do {
      // Mapped, so that its size is known before memory is taken for it.
      let data = try Data(contentsOf: URL(filePath: path), options: .mappedIfSafe)
      if data.count <= Self.sizeLimit { return Array(data) }
    } catch {
      throw YAMLKeys.Failure(line: 1, message: "cannot be read: \(error)")
    }
    throw YAMLKeys.Failure(line: 1, message: "larger than \(Self.sizeLimit) bytes")
  }
}
