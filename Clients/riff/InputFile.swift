#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file to upload, read a piece at a time; "-" is standard input.
final class InputFile: Sendable {
  private let path: String
  private let descriptor: Int32

  /// Bytes in a piece.
  static let pieceSize = 128 << 10

  /// - Throws: ``Failure`` when it cannot be opened.
  init(path: String) throws {
    self.path = path
    self.descriptor = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
    guard self.descriptor >= 0 else { throw Failure(file: path, "read", errno: errno) }
    var status = stat()
    if fstat(self.descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      throw Failure(file: path, "read", errno: EISDIR)
    }
  }

  deinit {
    close(self.descriptor)
  }

  /// The next piece; `nil` at the end.
  func next() throws -> [UInt8]? {
    var piece = [UInt8](repeating: 0, count: Self.pieceSize)
    while true {
      let count = piece.withUnsafeMutableBytes { read(self.descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        piece.removeLast(piece.count - count)
        return piece
      }
      if count == 0 { return nil }
      if errno != EINTR { throw Failure(file: self.path, "read", errno: errno) }
    }
  }
}
