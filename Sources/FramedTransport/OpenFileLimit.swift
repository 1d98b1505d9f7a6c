#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// How many files and sockets the process may have open (RLIMIT_NOFILE).
package struct OpenFileLimit: Sendable, Equatable {
  /// What holds now.
  package let soft: UInt64
  /// As far as the process may raise it.
  package let hard: UInt64

  /// Nil where the system does not tell.
  package static var current: OpenFileLimit? {
    var limit = rlimit()
    guard getrlimit(Self.resource, &limit) == 0 else { return nil }
    return OpenFileLimit(soft: UInt64(limit.rlim_cur), hard: UInt64(limit.rlim_max))
  }

  /// Raises the soft limit to `wanted`, or as far as the system lets it; a higher one stays.
  ///
  /// - Returns: What holds then; nil where the system does not tell.
  package static func raise(to wanted: UInt64) -> OpenFileLimit? {
    guard let now = Self.current, now.soft < wanted else { return Self.current }
    #if canImport(Darwin)
      // setrlimit(2): more than that is refused, whatever the hard limit says.
      let most = min(now.hard, UInt64(OPEN_MAX))
    #else
      let most = now.hard
    #endif
    let raised = min(wanted, most)
    if raised > now.soft {
      var limit = rlimit(rlim_cur: rlim_t(raised), rlim_max: rlim_t(now.hard))
      setrlimit(Self.resource, &limit)
    }
    return Self.current
  }

  // Only glibc has a type of its own for it.
  #if canImport(Glibc)
    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  #else
    private static let resource = RLIMIT_NOFILE
  #endif
}
