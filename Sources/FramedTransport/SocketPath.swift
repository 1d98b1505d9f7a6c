internal import Glibc

/// A path that a Unix-domain socket can have.
public struct SocketPath: Hashable, Sendable {
  /// The most bytes that fit `sun_path`, without its final zero.
  public static let maximumBytes = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

  /// 1 to ``maximumBytes`` bytes, none of them zero.
  public let text: String

  /// - Throws: ``FramedTransportError`` with code `invalidPath`.
  public init(_ path: String) throws(FramedTransportError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw FramedTransportError(.invalidPath, "the socket's path is empty or has a zero byte")
    }
    guard path.utf8.count <= Self.maximumBytes else {
      throw FramedTransportError(
        .invalidPath,
        "the socket's path has \(path.utf8.count) bytes; a Unix-domain socket's may have at most "
          + "\(Self.maximumBytes): \(path)")
    }
    guard path.utf8.last != UInt8(ascii: "/") else {
      throw FramedTransportError(
        .invalidPath, "the socket's path names a directory; it must name a file in it: \(path)")
    }
    self.text = path
  }

  /// The path that a socket is bound to.
  ///
  /// - Throws: ``FramedTransportError`` with code `invalidPath` if it is not a Unix-domain socket with a path.
  init(ofSocket descriptor: CInt) throws(FramedTransportError) {
    var address = sockaddr_un()
    var length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let status = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    guard status == 0, address.sun_family == sa_family_t(AF_UNIX) else {
      throw FramedTransportError(
        .invalidPath, "descriptor \(descriptor) is not a Unix-domain socket")
    }
    // Without a name, and in the abstract namespace, the first byte is zero.
    let bytes = withUnsafeBytes(of: address.sun_path) { Array($0.prefix { $0 != 0 }) }
    guard !bytes.isEmpty else {
      throw FramedTransportError(
        .invalidPath, "the socket of descriptor \(descriptor) must have a path")
    }
    try self.init(String(decoding: bytes, as: UTF8.self))
  }

  /// The directory that holds the socket.
  public var directory: String {
    guard let slash = self.text.lastIndex(of: "/") else { return "." }
    let directory = self.text[..<slash]
    return directory.isEmpty ? "/" : String(directory)
  }

  /// Connects, and waits for it; the descriptor is the caller's. Negative where nobody listens, with `errno`.
  package func connect() -> CInt {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return descriptor }
    guard self.withAddress({ Glibc.connect(descriptor, $0, $1) }) == 0 else {
      let code = errno
      close(descriptor)
      errno = code
      return -1
    }
    return descriptor
  }

  /// Calls `body` with the socket address.
  func withAddress<Result>(
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { bytes in
      // At most `maximumBytes`, so the last byte stays zero.
      bytes.copyBytes(from: self.text.utf8.prefix(Self.maximumBytes))
    }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
