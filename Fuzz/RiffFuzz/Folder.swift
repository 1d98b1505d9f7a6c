internal import Glibc

/// A folder in memory for readers of folders; its files are replaced with each input.
final class Folder {
  let path: String

  init() {
    var template = Array("/dev/shm/riff-fuzz-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { preconditionFailure("no folder in /dev/shm") }
    self.path = String(
      decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Writes a file, or removes it where `bytes` is nil.
  func set(_ name: String, _ bytes: [UInt8]?) {
    let file = "\(self.path)/\(name)"
    guard let bytes else {
      unlink(file)
      return
    }
    let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    defer { close(descriptor) }
    precondition(
      bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == bytes.count)
  }
}
