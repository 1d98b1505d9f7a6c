#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file of mode 0600 without a name, which is gone with the process whatever ends it. Its calls block.
final class UnnamedFile: Sendable {
  private let descriptor: Int32

  /// In `$TMPDIR`, else `/var/tmp`, which, unlike `/tmp`, is on a disk; nil where none can be made.
  init?() {
    let folder =
      getenv("TMPDIR").flatMap { $0.pointee == 0 ? nil : String(cString: $0) } ?? "/var/tmp"
    var template = Array("\(folder)/riff-web-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else { return nil }
    unlink(template)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    self.descriptor = descriptor
  }

  deinit { close(self.descriptor) }

  /// Writes all of `bytes`; false where the disk does not take them.
  func write(_ bytes: [UInt8], at offset: Int) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        pwrite(
          self.descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, offset + done)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }

  /// Up to so many bytes.
  func read(_ count: Int, at offset: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: max(count, 1)) { buffer, filled in
      while filled < count {
        let part = pread(
          self.descriptor, buffer.baseAddress.map { $0 + filled }, count - filled, offset + filled)
        if part < 0, errno == EINTR { continue }
        guard part > 0 else { return }
        filled += part
      }
    }
  }
}
