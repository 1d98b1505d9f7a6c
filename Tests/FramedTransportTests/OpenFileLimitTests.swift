import FramedTransport
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Serialized: the limit is the process's.
@Suite("The limit on open files", .serialized)
struct OpenFileLimitTests {
  @Test("it is what the system says")
  func current() throws {
    let limit = try #require(OpenFileLimit.current)
    #expect(limit.soft == UInt64(sysconf(Int32(_SC_OPEN_MAX))))
    #expect(limit.soft <= limit.hard)
  }

  @Test("it is raised as far as the hard limit, and never lowered")
  func raised() throws {
    let before = try #require(OpenFileLimit.current)
    #expect(OpenFileLimit.raise(to: 16) == before)
    #expect(OpenFileLimit.current == before)
    let wanted = before.soft + 1
    let after = try #require(OpenFileLimit.raise(to: wanted))
    #expect(after.soft == min(wanted, before.hard) && after.hard == before.hard)
    #expect(UInt64(sysconf(Int32(_SC_OPEN_MAX))) == after.soft)
  }
}
