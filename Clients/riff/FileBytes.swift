import AudioIO

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A sound file's bytes, for decoding here.
final class FileBytes: ByteSource {
  let count: Int
  private let descriptor: Int32

  /// - Throws: ``Failure`` when it cannot be opened, or is not a regular file.
  init(path: String) throws {
    self.descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard self.descriptor >= 0 else { throw Failure(file: path, "read", errno: errno) }
    var status = stat()
    guard fstat(self.descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(self.descriptor)
      throw Failure(message: "\(path) is not a file")
    }
    self.count = Int(status.st_size)
  }

  deinit { close(self.descriptor) }

  func read(
    at offset: Int, into target: UnsafeMutableRawBufferPointer
  ) throws(AudioIOError) -> Int {
    var filled = 0
    while filled < target.count {
      let part = UnsafeMutableRawBufferPointer(rebasing: target[filled...])
      let count = pread(self.descriptor, part.baseAddress, part.count, off_t(offset + filled))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw AudioIOError(
          .inputFailed, field: "audio", "cannot be read: \(String(cString: strerror(errno)))")
      }
      if count == 0 { break }
      filled += count
    }
    return filled
  }
}
