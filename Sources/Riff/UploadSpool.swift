import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where uploads lie until their job has read them: files without a name in one folder, so that they
/// are gone with the daemon whatever ends it, and one budget of bytes for all of them together.
public final class UploadSpool: Sendable {
  /// Most bytes of all uploads together.
  public let limit: Int
  /// The folder on whose disk they lie.
  public let folder: String

  private let reserved = Mutex(0)
  /// Writing waits for the disk, which Swift's cooperative threads must not.
  private let writer = DispatchQueue(label: "uploads")

  /// - Parameters:
  ///   - limit: Bytes of all uploads together.
  ///   - folder: `nil`: `$TMPDIR`, else `/var/tmp`, which, unlike `/tmp`, is on a disk.
  public init(limit: Int = RequestLimits.spoolBytes, folder: String? = nil) {
    self.limit = limit
    self.folder = folder ?? Self.standardFolder
  }

  private static var standardFolder: String {
    guard let value = getenv("TMPDIR"), value.pointee != 0 else { return "/var/tmp" }
    return String(cString: value)
  }

  /// Bytes of uploads now.
  public var bytes: Int { self.reserved.withLock { $0 } }

  /// An empty upload, to be appended to.
  ///
  /// - Throws: ``JobError`` of kind `resourceExhausted` when no file can be made.
  public func open() throws(JobError) -> Upload {
    Upload(descriptor: try self.makeFile(), spool: self)
  }

  /// A file of mode 0600 that has no name, or has lost it at once.
  private func makeFile() throws(JobError) -> Int32 {
    #if canImport(Glibc) || canImport(Musl)
      // O_TMPFILE of <fcntl.h>, which is not imported: it is made of two flags.
      let unnamed = Glibc.open(self.folder, O_RDWR | O_CLOEXEC | O_DIRECTORY | 0o20000000, 0o600)
      if unnamed >= 0 { return unnamed }
    #endif
    var template = Array("\(self.folder)/riffd-upload-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else {
      throw JobError(
        .resourceExhausted,
        "uploads cannot be kept in \(self.folder): \(String(cString: strerror(errno)))")
    }
    unlink(template)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    return descriptor
  }

  /// Takes bytes of the budget. Throws ``JobError`` of kind `resourceExhausted` where it is spent.
  func reserve(_ count: Int) throws(JobError) {
    let isGranted = self.reserved.withLock { reserved in
      guard count <= self.limit - reserved else { return false }
      reserved += count
      return true
    }
    guard isGranted else {
      throw JobError(
        .resourceExhausted,
        "the uploads of all callers together may take \(self.limit) bytes; try again when others "
          + "are done")
    }
  }

  func release(_ count: Int) {
    self.reserved.withLock { $0 -= count }
  }

  func write<R: Sendable>(_ body: @escaping @Sendable () -> R) async -> R {
    await withCheckedContinuation { continuation in
      self.writer.async { continuation.resume(returning: body()) }
    }
  }
}

extension Upload {
  /// Writes bytes at the end.
  ///
  /// - Throws: ``JobError``: `invalidArgument` of `chunk` above `limit` bytes in all,
  ///   `resourceExhausted` where the budget of all uploads or the disk is full.
  func append(
    _ chunk: some Sequence<UInt8> & Sendable, atMost limit: Int
  ) async throws(JobError) {
    guard let spool else { return }
    let result = await spool.write { () -> Result<Void, JobError> in
      Result { () throws(JobError) in try self.write(Array(chunk), atMost: limit) }
    }
    try result.get()
  }
}
