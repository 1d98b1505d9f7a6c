import Foundation

/// What the tests run under, if anything; `Scripts/sanitize.sh` says so.
enum Sanitizer {
  /// The address sanitizer has an allocator of its own, which keeps what is freed for a while: figures of
  /// memory mean nothing there.
  static let hasOtherAllocator = ProcessInfo.processInfo.environment["RIFF_SANITIZE"] == "address"
}
