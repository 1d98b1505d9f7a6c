import Foundation

enum ProcessMemory {
  /// GB of this process's memory at their most, mapped files that it read included (Linux's VmHWM).
  static func peak() throws -> Double {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
      let kibibytes = line.split(separator: " ", omittingEmptySubsequences: true)
      if kibibytes.count >= 2, let count = Double(kibibytes[1]) { return count * 1024 / 1e9 }
    }
    return .nan
  }
}
