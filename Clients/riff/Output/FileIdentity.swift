#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file whatever name it goes by.
struct FileIdentity: Equatable {
  private var device: UInt64
  private var node: UInt64

  init(_ status: stat) {
    self.device = UInt64(truncatingIfNeeded: status.st_dev)
    self.node = UInt64(status.st_ino)
  }
}
