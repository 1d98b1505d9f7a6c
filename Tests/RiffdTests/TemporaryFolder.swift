import Foundation

/// A folder of the test's own, mode 0700, gone with its owner.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    // Short: a socket's path has room for 107 bytes.
    self.path = "/tmp/riffd-test-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(
      atPath: self.path, withIntermediateDirectories: false,
      attributes: [.posixPermissions: 0o700])
  }

  deinit {
    try? FileManager.default.removeItem(atPath: self.path)
  }

  func file(_ name: String) -> String { self.path + "/" + name }

  /// Names of the files that lie there now.
  var contents: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: self.path)) ?? []).sorted()
  }
}
