#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Where the daemon's log goes: its standard error.
enum LogFile {
  /// Path of the file; empty where it is a terminal, a pipe or a device.
  static var path: String {
    let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/2")
    guard let path, path.hasPrefix("/"), !path.hasPrefix("/dev/") else { return "" }
    return path
  }
}
