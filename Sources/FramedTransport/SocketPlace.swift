internal import Glibc
internal import Synchronization

/// A path at which this process, and no other, may listen.
///
/// It is claimed before anything is looked at, so that two daemons that start at once never fight: the
/// second one learns who has the place.
public final class SocketPlace: Sendable {
  /// Where the socket is, or will be once somebody listens.
  public let path: SocketPath
  /// Name and version of this program, for the lock file.
  private let program: String?
  /// The group that shares the socket.
  public let group: SocketGroup?
  private let state: Mutex<State>

  private struct State {
    var lock: SocketLock?
    /// The file that the socket is bound to.
    var socket: FileIdentity?
    /// The socket that was handed over, until somebody listens on it.
    var adopted: CInt?
  }

  /// Whether the socket is a service manager's: its file is neither made nor removed here.
  private let isAdopted: Bool

  private init(path: SocketPath, program: String?, group: SocketGroup?, lock: SocketLock) {
    self.path = path
    self.program = program
    self.group = group
    self.isAdopted = false
    self.state = Mutex(State(lock: lock))
  }

  private init(
    path: SocketPath, program: String?, group: SocketGroup?, lock: SocketLock, socket: FileIdentity,
    adopted: CInt
  ) {
    self.path = path
    self.program = program
    self.group = group
    self.isAdopted = true
    self.state = Mutex(State(lock: lock, socket: socket, adopted: adopted))
  }

  deinit {
    self.release()
  }

  /// Checks the directory, making it if it is missing, takes the lock, and removes a stale socket.
  ///
  /// - Parameters:
  ///   - path: Of the socket; its folder's parent must exist.
  ///   - program: Name and version of this program, for the lock file.
  ///   - group: The group that shares the socket, whose mode is 0660 then and else 0600.
  /// - Throws: ``FramedTransportError``.
  public static func claim(
    _ path: String, program: String? = nil, group: SocketGroup? = nil
  ) throws(FramedTransportError) -> SocketPlace {
    let path = try SocketPath(path)
    _ = try SocketDirectory.prepare(path.directory, group: group)
    let lock = try SocketLock(beside: path, program: program)
    try Self.removeStaleSocket(path)
    return SocketPlace(path: path, program: program, group: group, lock: lock)
  }

  /// Claims a place, and waits for it while its holder no longer listens: it is about to end.
  ///
  /// - Parameters:
  ///   - path: Of the socket; its folder's parent must exist.
  ///   - program: Name and version of this program, for the lock file.
  ///   - group: The group that shares the socket.
  ///   - waiting: Is called once with the holder's process id, if it is known, before the wait.
  /// - Throws: ``FramedTransportError``, at once with code `alreadyHeld` where another process listens.
  public static func claim(
    _ path: String, program: String? = nil, group: SocketGroup? = nil,
    waiting: (_ holder: Int32?) -> Void
  ) async throws -> SocketPlace {
    var isWaiting = false
    while true {
      do throws(FramedTransportError) {
        return try Self.claim(path, program: program, group: group)
      } catch {
        guard case .alreadyHeld(let holder) = error.code, !Self.isLive(try SocketPath(path)) else {
          throw error
        }
        if !isWaiting { waiting(holder) }
        isWaiting = true
        try await Task.sleep(for: Self.retryInterval)
      }
    }
  }

  /// Takes a place over whose socket a service manager made and listens on: nothing is bound, unlinked or
  /// bound again. Waits while another process holds the lock: it does not have the socket, so it is about to end.
  ///
  /// - Parameters:
  ///   - descriptor: The listening socket; owned by the place from now on, unless this throws.
  ///   - program: Name and version of this program, for the lock file.
  ///   - group: The group that shares the socket; its own group and mode are the service manager's.
  ///   - waiting: Is called once with the holder's process id, if it is known, before a wait.
  /// - Throws: ``FramedTransportError``, with code `vanished` if the socket's file is gone.
  public static func adopt(
    _ descriptor: CInt, program: String? = nil, group: SocketGroup? = nil,
    waiting: (_ holder: Int32?) -> Void
  ) async throws -> SocketPlace {
    let path = try SocketPath(ofSocket: descriptor)
    var accepts: CInt = 0
    var length = socklen_t(MemoryLayout<CInt>.size)
    guard getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &length) == 0, accepts == 1
    else {
      throw FramedTransportError(
        .invalidPath, "the socket of \(path.text) that was handed over does not listen")
    }
    var isWaiting = false
    while true {
      do throws(FramedTransportError) {
        try SocketDirectory.require(path.directory, group: group)
        let lock = try SocketLock(beside: path, program: program)
        guard let socket = FileIdentity(path: path.text) else { throw Self.vanished(path) }
        return SocketPlace(
          path: path, program: program, group: group, lock: lock, socket: socket,
          adopted: descriptor)
      } catch {
        guard case .alreadyHeld(let holder) = error.code else { throw error }
        if !isWaiting { waiting(holder) }
        isWaiting = true
        try await Task.sleep(for: Self.retryInterval)
      }
    }
  }

  private static func vanished(_ path: SocketPath) -> FramedTransportError {
    FramedTransportError(
      .vanished, "\(path.text), which a service manager made, is gone or another process's")
  }

  private static let retryInterval = Duration.milliseconds(50)
  /// Connections that may wait to be accepted. Where a client's own does not find room, a connect(2) that does
  /// not wait fails.
  static let backlog: CInt = 1_024

  /// Gives the place up: the socket file goes first, unless it is a service manager's, then the lock. Once
  /// is enough.
  public func release() {
    self.state.withLock { state in
      guard state.lock != nil else { return }
      // The path may be another process's by now.
      if !self.isAdopted, let socket = state.socket, FileIdentity(path: self.path.text) == socket {
        unlink(self.path.text)
      }
      if let adopted = state.adopted { close(adopted) }
      state.adopted = nil
      state.socket = nil
      state.lock = nil
    }
  }

  /// Whether socket and lock are still where they were made. If they are not, claims the place again.
  ///
  /// - Returns: False if the socket has to be bound anew.
  /// - Throws: ``FramedTransportError`` with code `alreadyHeld` or `occupied` if the place is another
  ///   process's now, `vanished` if the socket is a service manager's and gone.
  func isIntact() throws(FramedTransportError) -> Bool {
    let (isLocked, socket) = self.state.withLock {
      ($0.lock?.isInPlace == true, $0.socket)
    }
    let hasSocket = socket != nil && FileIdentity(path: self.path.text) == socket
    if isLocked, hasSocket { return true }
    if self.isAdopted, !hasSocket { throw Self.vanished(self.path) }
    if !isLocked {
      _ = try SocketDirectory.prepare(self.path.directory, group: self.group)
      let lock = try SocketLock(beside: self.path, program: self.program)
      self.state.withLock { $0.lock = lock }
    }
    if hasSocket { return true }
    try Self.removeStaleSocket(self.path)
    return false
  }

  /// The socket that was handed over, else a new one; it listens. The caller owns the descriptor.
  func listen() throws(FramedTransportError) -> CInt {
    guard self.isAdopted else { return try self.bind() }
    let adopted = self.state.withLock { state in
      defer { state.adopted = nil }
      return state.adopted
    }
    guard let adopted else { throw Self.vanished(self.path) }
    return adopted
  }

  /// Makes the listening socket, its file with mode 0600, or 0660 and the group that shares it. The caller
  /// owns the descriptor.
  package func bind() throws(FramedTransportError) -> CInt {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw self.failure("make") }
    // The mode of the socket is that of the file that bind(2) makes.
    guard fchmod(descriptor, 0o600) == 0,
      self.path.withAddress({ Glibc.bind(descriptor, $0, $1) }) == 0
    else {
      let failure = self.failure("bind")
      close(descriptor)
      throw failure
    }
    self.state.withLock { $0.socket = FileIdentity(path: self.path.text) }
    // First the group, then what it may.
    guard self.group.map({ chown(self.path.text, .max, $0.id) == 0 }) ?? true,
      chmod(self.path.text, self.group == nil ? 0o600 : 0o660) == 0,
      Glibc.listen(descriptor, Self.backlog) == 0
    else {
      let failure = self.failure("listen on")
      close(descriptor)
      throw failure
    }
    return descriptor
  }

  private func failure(_ verb: String) -> FramedTransportError {
    FramedTransportError(.system, "cannot \(verb) the socket \(self.path.text): \(systemMessage())")
  }

  /// Removes a socket that nobody listens on. To be called only by who holds the lock.
  private static func removeStaleSocket(_ path: SocketPath) throws(FramedTransportError) {
    var status = stat()
    guard lstat(path.text, &status) == 0 else {
      if errno == ENOENT { return }
      throw FramedTransportError(.system, "cannot examine \(path.text): \(systemMessage())")
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw FramedTransportError(
        .occupied, "\(path.text) is there and is not a socket; it is left alone")
    }
    guard !Self.isLive(path) else {
      throw FramedTransportError(
        .occupied, "another process listens on \(path.text), without holding its lock file")
    }
    guard unlink(path.text) == 0 || errno == ENOENT else {
      throw FramedTransportError(
        .system, "cannot remove the stale socket \(path.text): \(systemMessage())")
    }
  }

  /// Whether somebody listens at a path, found out by connecting.
  public static func isLive(_ path: SocketPath) -> Bool {
    let flags = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
    let descriptor = socket(AF_UNIX, Int32(flags), 0)
    guard descriptor >= 0 else { return true }
    defer { close(descriptor) }
    // A full backlog (EAGAIN) has somebody behind it.
    return path.withAddress({ connect(descriptor, $0, $1) }) == 0 || errno == EAGAIN
  }
}
