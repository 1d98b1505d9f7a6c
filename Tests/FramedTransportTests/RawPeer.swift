import Glibc

/// A peer that speaks bytes, right or wrong ones. It never blocks a thread.
final class RawPeer: Sendable {
  private let descriptor: Int32

  fileprivate init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// A client.
  init(_ path: String) throws {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    guard withAddress(path, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
      let code = errno
      Glibc.close(descriptor)
      throw Errno(code: code)
    }
    self.descriptor = descriptor
  }

  func close() {
    Glibc.close(self.descriptor)
  }

  /// Ends this side's direction; what the peer sends can still be read.
  func endOutput() {
    shutdown(self.descriptor, Int32(SHUT_WR))
  }

  /// Sends all of `bytes`, waiting where the socket is full.
  func send(_ bytes: [UInt8]) async throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(
          self.descriptor, $0.baseAddress, $0.count,
          Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
      }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if errno == EAGAIN {
        try await Task.sleep(for: .milliseconds(2))
      } else {
        throw Errno(code: errno)
      }
    }
  }

  /// Reads `count` bytes, or fewer if the peer closes before.
  func read(_ count: Int) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while bytes.count < count {
      let wanted = min(chunk.count, count - bytes.count)
      let got = recv(self.descriptor, &chunk, wanted, Int32(MSG_DONTWAIT))
      if got > 0 {
        bytes += chunk[..<got]
      } else if got == 0 || errno == ECONNRESET {
        return bytes
      } else if errno == EAGAIN {
        try await Task.sleep(for: .milliseconds(2))
      } else {
        throw Errno(code: errno)
      }
    }
    return bytes
  }

  /// Reads until the peer closes.
  func readAll() async throws -> [UInt8] {
    try await self.read(.max)
  }

  /// The next frame: type, flags, stream and payload. Nil if the peer has closed.
  func frame() async throws -> (type: UInt8, flags: UInt8, stream: UInt8, payload: [UInt8])? {
    let head = try await self.read(4)
    guard head.count == 4 else { return nil }
    let length = head.reduce(0) { $0 << 8 | Int($1) }
    let rest = try await self.read(length)
    guard rest.count == length else { return nil }
    return (rest[0], rest[1], rest[7], Array(rest[8...]))
  }
}

/// A server whose every byte the test writes.
final class RawListener: Sendable {
  private let descriptor: Int32

  init(_ path: String) throws {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
    self.descriptor = socket(AF_UNIX, kind, 0)
    guard withAddress(path, { Glibc.bind(self.descriptor, $0, $1) }) == 0,
      Glibc.listen(self.descriptor, 16) == 0
    else { throw Errno(code: errno) }
  }

  deinit { Glibc.close(self.descriptor) }

  /// The next client, once its preface is here; ours has been sent.
  func accept() async throws -> RawPeer {
    let peer = try await self.acceptInSilence()
    try await peer.send(Wire.preface)
    _ = try await peer.read(Wire.preface.count)
    return peer
  }

  /// Whether somebody has connected whom nobody has accepted.
  var isVisited: Bool {
    let client = Glibc.accept(self.descriptor, nil, nil)
    if client >= 0 { Glibc.close(client) }
    return client >= 0
  }

  /// The next client, to which nothing has been sent.
  func acceptInSilence() async throws -> RawPeer {
    while true {
      let client = Glibc.accept(self.descriptor, nil, nil)
      if client >= 0 { return RawPeer(descriptor: client) }
      guard errno == EAGAIN else { throw Errno(code: errno) }
      try await Task.sleep(for: .milliseconds(2))
    }
  }
}

private func withAddress(
  _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
) -> Int32 {
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
  return withUnsafePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
  }
}
