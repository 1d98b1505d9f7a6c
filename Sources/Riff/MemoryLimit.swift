#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What a process may take of the memory: the lower of its address space's limit (`RLIMIT_AS`) and its
/// control group's.
public struct MemoryLimit: Sendable, Equatable {
  /// Bytes of address space; nil without a limit.
  public var addressSpace: Int?
  /// Bytes of resident memory; nil without a limit.
  public var resident: Int?

  /// Without arguments: no limit.
  public init(addressSpace: Int? = nil, resident: Int? = nil) {
    self.addressSpace = addressSpace
    self.resident = resident
  }

  /// Of what is limited so much is left alone, for the rest of the process.
  private static let reserve = 1.0 / 16

  /// This process's.
  public static func ofProcess() -> MemoryLimit {
    var limit = rlimit()
    #if canImport(Glibc)
      let status = getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
    #else
      let status = getrlimit(RLIMIT_AS, &limit)
    #endif
    let isLimited = status == 0 && limit.rlim_cur < UInt64(1) << 62
    return MemoryLimit(
      addressSpace: isLimited ? Int(limit.rlim_cur) : nil, resident: Self.controlGroup())
  }

  /// Bytes that may still be taken; nil without a limit.
  public func room(_ use: MemoryUse = .now()) -> Int? {
    func room(_ limit: Int?, _ used: Int) -> Int? {
      limit.map { Int(Double($0) * (1 - Self.reserve)) - used }
    }
    return [room(self.addressSpace, use.addressSpace), room(self.resident, use.resident)]
      .compactMap { $0 }.min()
  }

  /// The lowest limit of the process's group and those above it, versions 2 and 1.
  private static func controlGroup() -> Int? {
    guard let text = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8) else {
      return nil
    }
    return Self.controlGroup(text) { try? String(contentsOfFile: $0, encoding: .utf8) }
  }

  /// - Parameters:
  ///   - text: of `/proc/self/cgroup`.
  ///   - read: a file's text; nil where there is none.
  package static func controlGroup(_ text: String, read: (String) -> String?) -> Int? {
    var limits: [Int] = []
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let isUnified = parts[1].isEmpty
      guard isUnified || parts[1].split(separator: ",").contains("memory") else { continue }
      let root = isUnified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
      let name = isUnified ? "memory.max" : "memory.limit_in_bytes"
      var path = String(parts[2])
      while true {
        let folder = path == "/" ? root : root + path
        let value = read("\(folder)/\(name)")?.split(separator: "\n").first
        if let value, let bytes = Int(value), bytes < 1 << 60 { limits.append(bytes) }
        guard path != "/", let slash = path.lastIndex(of: "/") else { break }
        path = slash == path.startIndex ? "/" : String(path[..<slash])
      }
    }
    return limits.min()
  }
}

/// What a process takes of the memory.
public struct MemoryUse: Sendable, Equatable {
  /// Bytes of address space, touched or not.
  public var addressSpace: Int
  /// Bytes that are in the machine's memory now.
  public var resident: Int

  /// Both in bytes.
  public init(addressSpace: Int, resident: Int) {
    self.addressSpace = addressSpace
    self.resident = resident
  }

  /// This process's, by `/proc/self/statm`; 0 where that cannot be read.
  public static func now() -> MemoryUse {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    let pages = text.split(separator: " ").prefix(2).compactMap { Int($0) }
    guard pages.count == 2 else { return MemoryUse(addressSpace: 0, resident: 0) }
    let size = Int(sysconf(Int32(_SC_PAGESIZE)))
    return MemoryUse(addressSpace: pages[0] * size, resident: pages[1] * size)
  }
}
