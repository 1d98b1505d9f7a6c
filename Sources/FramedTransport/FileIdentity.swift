internal import Glibc

/// Which file it is, whatever its name.
struct FileIdentity: Hashable, Sendable {
  private let device: dev_t
  private let node: ino_t

  /// The file at `path`, not followed if it is a symbolic link; nil if there is none.
  init?(path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  init?(descriptor: CInt) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    self.init(status)
  }

  private init(_ status: stat) {
    self.device = status.st_dev
    self.node = status.st_ino
  }
}
