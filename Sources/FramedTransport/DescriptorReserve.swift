#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Descriptors that no connection may take, so that calls can open what they need. Dispatch needs one, too: where
/// threads are slow it reads how they do in `/proc`, and ends the process if it cannot open that.
struct DescriptorReserve {
  /// How many must stay free.
  let count: Int

  /// Whether as many are free now. The system gives out the lowest number that is free, so that one tells.
  var isWhole: Bool {
    guard let limit = OpenFileLimit.current else { return true }
    let lowest = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)
    guard lowest >= 0 else { return errno != EMFILE && errno != ENFILE }
    close(lowest)
    return UInt64(lowest) + UInt64(self.count) <= limit.soft
  }
}
