#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file that is there whole or not at all: bytes go to a temporary neighbour, which takes the
/// file's name when it is complete. Used by one task.
final class OutputFile {
  let path: String
  private let temporaryPath: String
  private let descriptor: Int32
  private var isOpen = true

  /// - Throws: ``Failure`` when the folder cannot be written to.
  init(path: String) throws {
    self.path = path
    var template = Array("\(path).XXXXXX".utf8CString)
    self.descriptor = mkstemp(&template)
    guard self.descriptor >= 0 else { throw Failure(file: path, "write", errno: errno) }
    self.temporaryPath = String(
      decoding: template.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    // mkstemp makes files 0600; the user's mask decides, as for any file.
    let mask = umask(0)
    umask(mask)
    fchmod(self.descriptor, 0o666 & ~mask)
  }

  deinit {
    if self.isOpen {
      close(self.descriptor)
      unlink(self.temporaryPath)
    }
  }

  /// Appends bytes.
  func write(_ bytes: [UInt8]) throws {
    do {
      try Terminal(descriptor: self.descriptor).write(bytes)
    } catch {
      throw Failure(file: self.path, "write", errno: errno)
    }
  }

  /// Puts other bytes in the place of the first ones.
  func overwriteStart(_ bytes: [UInt8]) throws {
    let written = bytes.withUnsafeBytes { pwrite(self.descriptor, $0.baseAddress, $0.count, 0) }
    guard written == bytes.count else { throw Failure(file: self.path, "write", errno: errno) }
  }

  /// Gives the complete file its name.
  func commit() throws {
    self.isOpen = false
    guard close(self.descriptor) == 0, rename(self.temporaryPath, self.path) == 0 else {
      let code = errno
      unlink(self.temporaryPath)
      throw Failure(file: self.path, "write", errno: code)
    }
  }
}
