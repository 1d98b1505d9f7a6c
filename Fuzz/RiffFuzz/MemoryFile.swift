internal import CLibFuzzer
internal import Glibc

/// A file in memory that has a path, for readers that map what they open.
final class MemoryFile {
  private let descriptor: CInt
  let path: String

  init() {
    self.descriptor = fuzz_memory_file("fuzz")
    precondition(self.descriptor >= 0, "memfd_create failed")
    self.path = "/proc/self/fd/\(self.descriptor)"
  }

  func fill(_ bytes: [UInt8]) {
    precondition(
      ftruncate(self.descriptor, 0) == 0
        && bytes.withUnsafeBytes { bytes in
          pwrite(self.descriptor, bytes.baseAddress, bytes.count, 0) == bytes.count
        })
  }

  deinit { close(self.descriptor) }
}
