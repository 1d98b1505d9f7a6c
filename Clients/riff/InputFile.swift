import Dispatch

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

/// A file to upload, read a piece at a time; "-" is standard input.
final class InputFile: Sendable {
  let path: String
  private let descriptor: Int32
  /// Where what comes from standard input is kept, in case it has to be read again.
  private let copy: Int32?

  /// Bytes in a piece.
  static let pieceSize = 128 << 10

  /// - Throws: ``Failure`` when it cannot be opened.
  init(path: String) throws {
    self.path = path
    self.descriptor = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
    guard self.descriptor >= 0 else { throw Failure(file: path, "read", errno: errno) }
    self.copy = path == "-" ? Self.temporaryFile() : nil
    var status = stat()
    if fstat(self.descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      throw Failure(file: path, "read", errno: EISDIR)
    }
  }

  /// Largest mask, in bytes: it travels in the first message.
  private static let maskLimit = 512 << 10

  /// All of it, as a mask.
  ///
  /// - Throws: ``Failure`` where it is too large or cannot be read.
  func mask() throws -> Data {
    var bytes = Data()
    while let piece = try self.next() {
      bytes += piece
      guard bytes.count <= Self.maskLimit else {
        throw Failure(message: "\(self.name): a mask must have at most \(Self.maskLimit) bytes")
      }
    }
    return bytes
  }

  deinit {
    close(self.descriptor)
    if let copy { close(copy) }
  }

  /// What it is called in messages.
  var name: String { self.path == "-" ? "standard input" : self.path }

  /// A name under which another program can read all of it. Reads standard input to its end first.
  ///
  /// - Throws: ``Failure`` when that is not possible.
  func readablePath() throws -> String {
    guard self.path == "-" else { return self.path }
    guard let copy else { throw Failure(message: "standard input cannot be read a second time") }
    while try self.next() != nil {}
    // A daemon that was started meanwhile was not to have it.
    _ = fcntl(copy, F_SETFD, 0)
    return "/dev/fd/\(copy)"
  }

  /// Which file it is; `nil` for what is not a regular file.
  var identity: FileIdentity? {
    var status = stat()
    guard fstat(self.descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      return nil
    }
    return FileIdentity(status)
  }

  /// The next piece; `nil` at the end. Waits for a pipe on a thread that may wait.
  ///
  /// - Throws: ``Failure``, or `CancellationError`.
  func nextPiece() async throws -> Data? {
    let isStopped = StopFlag()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async {
          continuation.resume(
            with: Result {
              var ready = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
              while poll(&ready, 1, Self.patience) == 0 {
                if isStopped.isSet { throw CancellationError() }
              }
              return try self.next()
            })
        }
      }
    } onCancel: {
      isStopped.set()
    }
  }

  /// How often one who waits looks whether to stop, in milliseconds.
  private static let patience: Int32 = 100

  /// The next piece; `nil` at the end.
  func next() throws -> Data? {
    var piece = Data(count: Self.pieceSize)
    while true {
      let count = piece.withUnsafeMutableBytes { read(self.descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        piece.removeLast(piece.count - count)
        if let copy { try Terminal(descriptor: copy).write(Array(piece)) }
        return piece
      }
      if count == 0 { return nil }
      if errno != EINTR { throw Failure(file: self.path, "read", errno: errno) }
    }
  }

  /// A file without a name on a disk; `nil` where none can be made. Programs that are started
  /// inherit it.
  static func temporaryFile() -> Int32? {
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    var template = Array("\(folder.isEmpty ? "/var/tmp" : folder)/riff-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else { return nil }
    unlink(template)
    return descriptor
  }
}
