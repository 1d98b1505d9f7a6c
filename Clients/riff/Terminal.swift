#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A standard stream.
struct Terminal {
  let descriptor: Int32

  static let standardOutput = Terminal(descriptor: STDOUT_FILENO)
  static let standardError = Terminal(descriptor: STDERR_FILENO)

  /// Whether a person reads it.
  var isInteractive: Bool { isatty(self.descriptor) == 1 }

  /// Columns and rows; nil where nobody knows.
  var size: (columns: Int, rows: Int)? {
    var size = winsize()
    guard ioctl(self.descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0
    else { return nil }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Writes text, as far as somebody takes it.
  func write(_ text: String) {
    try? self.write(Array(text.utf8))
  }

  /// Writes all of the bytes.
  ///
  /// - Throws: ``Failure`` when they cannot be written.
  func write(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { buffer in
      var written = 0
      while written < buffer.count {
        let rest = UnsafeRawBufferPointer(rebasing: buffer[written...])
        #if canImport(Glibc)
          let count = Glibc.write(self.descriptor, rest.baseAddress, rest.count)
        #elseif canImport(Musl)
          let count = Musl.write(self.descriptor, rest.baseAddress, rest.count)
        #else
          let count = Darwin.write(self.descriptor, rest.baseAddress, rest.count)
        #endif
        if count < 0 {
          if errno == EINTR { continue }
          throw Failure(file: "standard output", "write", errno: errno)
        }
        written += count
      }
    }
  }
}
