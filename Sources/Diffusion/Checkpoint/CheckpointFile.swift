#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A regular file of a checkpoint, held open and read piece by piece for as long as this object lives.
///
/// It is not mapped: reading a map of a file that somebody cuts short ends the process. A file that
/// was renamed over or removed, as a package upgrade does, stays what it was for whoever holds it
/// open; one that was written to in place is refused, by the length and the time of its last change.
final class CheckpointFile: Sendable {
  let path: String
  /// Bytes, when it was opened.
  let size: Int

  private let descriptor: Int32
  private let modified: (seconds: Int, nanoseconds: Int)

  private static let lfsMark = Array("version https://git-lfs.github.com/spec/".utf8)

  /// Throws `checkpoint` where there is no such file, or only a git-lfs pointer to it.
  init(path: String) throws(DiffusionError) {
    self.path = path
    var descriptor: Int32
    repeat {
      descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    } while descriptor < 0 && errno == EINTR
    guard descriptor >= 0 else {
      throw .checkpoint(path, "cannot be opened: \(String(cString: strerror(errno)))")
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .checkpoint(path, "is not a regular file")
    }
    self.descriptor = descriptor
    size = Int(status.st_size)
    modified = Self.modified(status)
    if try bytes(0..<min(size, Self.lfsMark.count)) == Self.lfsMark {
      throw .checkpoint(
        path, "is a git-lfs pointer, not the file itself; run “git lfs pull” in its folder")
    }
  }

  deinit { close(descriptor) }

  static func exists(_ path: String) -> Bool { access(path, R_OK) == 0 }

  static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Reads `range`, which lies inside the file, into memory that has room for it.
  ///
  /// Throws `checkpoint` where the file has changed since it was opened, or cannot be read.
  func read(_ range: Range<Int>, into target: UnsafeMutableRawPointer) throws(DiffusionError) {
    precondition(range.lowerBound >= 0 && range.upperBound <= size)
    var done = 0
    while done < range.count {
      let count = pread(
        descriptor, target + done, range.count - done, off_t(range.lowerBound + done))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw .checkpoint(path, "cannot be read: \(String(cString: strerror(errno)))")
      }
      guard count > 0 else { throw changed }
      done += count
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, Int(status.st_size) == size,
      Self.modified(status) == modified
    else { throw changed }
  }

  /// The bytes of `range`, which lies inside the file.
  func bytes(_ range: Range<Int>) throws(DiffusionError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    var failure: DiffusionError?
    bytes.withUnsafeMutableBytes { buffer in
      guard let start = buffer.baseAddress else { return }
      do throws(DiffusionError) { try read(range, into: start) } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }

  /// All of the file, if it has at most `limit` bytes.
  func contents(limit: Int) throws(DiffusionError) -> [UInt8] {
    guard size <= limit else {
      throw .checkpoint(path, "has \(size) bytes; the limit is \(limit)")
    }
    return try bytes(0..<size)
  }

  private var changed: DiffusionError {
    DiffusionError(
      kind: .changed(file: path),
      message: "\(path): has changed since it was opened; the model is read anew for the next job")
  }

  private static func modified(_ status: stat) -> (seconds: Int, nanoseconds: Int) {
    #if canImport(Darwin)
      let time = status.st_mtimespec
    #else
      let time = status.st_mtim
    #endif
    return (Int(time.tv_sec), Int(time.tv_nsec))
  }
}
