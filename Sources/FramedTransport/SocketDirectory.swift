internal import Glibc

/// The rule for the directory of a socket, so that nobody else can put a socket there: a real directory, not
/// a symbolic link, of the server's user, with mode 0700, or 0750 where a group shares the socket.
public struct SocketDirectory: Hashable, Sendable {
  /// As it was given; it was real, this user's and of mode 0700 when it was checked.
  public let path: String
  /// Whose it is, and so whose socket is in it.
  public let owner: UInt32

  /// Whose server may be talked to at a socket in it: its owner's.
  public var server: PeerRule { self.owner == geteuid() ? .sameUser : .user(self.owner) }

  /// Checks a directory that exists, before a client connects: one of this user, or one that a group shares.
  ///
  /// - Parameters:
  ///   - path: The directory's, as the caller has it.
  ///   - group: The group by which directories of others are believed. To be set only where the user has
  ///     named both the socket and the group: anybody in the group can make such a directory.
  /// - Throws: ``FramedTransportError`` with code `unsafeDirectory`.
  public static func verify(
    _ path: String, group: SocketGroup? = nil
  ) throws(FramedTransportError) -> SocketDirectory {
    let descriptor = try Self.open(path)
    defer { close(descriptor) }
    let status = try Self.examine(descriptor, path)
    let mode = status.st_mode & 0o777
    if let group, mode == 0o750, status.st_gid == group.id {
      return SocketDirectory(path: path, owner: status.st_uid)
    }
    // Who may read its own user's directory cannot put anything there.
    if status.st_uid == geteuid(), mode == 0o750 {
      return SocketDirectory(path: path, owner: status.st_uid)
    }
    if let group, status.st_uid != geteuid() {
      throw FramedTransportError(
        .unsafeDirectory,
        "the directory \(path) belongs to user \(status.st_uid) and group \(status.st_gid) and has mode "
          + "\(Self.octal(status.st_mode)); one that is shared with the group \(group.name) must have "
          + "group \(group.id) and mode 0750")
    }
    try Self.require(status, path, group: nil)
    return SocketDirectory(path: path, owner: status.st_uid)
  }

  /// Checks a server's directory, and makes it if it is missing. Its parent must exist.
  ///
  /// - Parameters:
  ///   - path: The directory's, as the caller has it.
  ///   - group: The group that shares the socket: mode 0750 and this group instead of mode 0700.
  /// - Throws: ``FramedTransportError`` with code `unsafeDirectory` or `system`.
  public static func prepare(
    _ path: String, group: SocketGroup? = nil
  ) throws(FramedTransportError) -> SocketDirectory {
    let isNew = mkdir(path, 0o700) == 0
    if !isNew && errno != EEXIST {
      throw FramedTransportError(.system, "cannot make the directory \(path): \(systemMessage())")
    }
    let descriptor = try Self.open(path)
    defer { close(descriptor) }
    if isNew {
      if let group, fchown(descriptor, .max, group.id) != 0 {
        throw FramedTransportError(
          .system,
          "cannot give the directory \(path) to the group \(group.name): \(systemMessage())")
      }
      // The process's umask may have taken bits away.
      fchmod(descriptor, group == nil ? 0o700 : 0o750)
    }
    try Self.require(try Self.examine(descriptor, path), path, group: group)
    return SocketDirectory(path: path, owner: geteuid())
  }

  /// Checks a server's directory that exists.
  ///
  /// - Throws: ``FramedTransportError`` with code `unsafeDirectory`.
  static func require(_ path: String, group: SocketGroup?) throws(FramedTransportError) {
    let descriptor = try Self.open(path)
    defer { close(descriptor) }
    try Self.require(try Self.examine(descriptor, path), path, group: group)
  }

  private static func open(_ path: String) throws(FramedTransportError) -> CInt {
    // A slash at the end would follow a symbolic link.
    var name = path[...]
    while name.count > 1, name.last == "/" { name = name.dropLast() }
    let descriptor = Glibc.open(
      String(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else {
      switch errno {
      case ENOENT:
        throw FramedTransportError(.unsafeDirectory, "the directory \(path) does not exist")
      case ENOTDIR, ELOOP:
        throw FramedTransportError(
          .unsafeDirectory,
          "\(path) is not a directory, or is a symbolic link; the socket needs a real directory")
      default:
        throw FramedTransportError(
          .unsafeDirectory, "cannot open the directory \(path): \(systemMessage())")
      }
    }
    return descriptor
  }

  private static func examine(
    _ descriptor: CInt, _ path: String
  ) throws(FramedTransportError) -> stat {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw FramedTransportError(
        .unsafeDirectory, "cannot examine the directory \(path): \(systemMessage())")
    }
    return status
  }

  private static func require(
    _ status: stat, _ path: String, group: SocketGroup?
  ) throws(FramedTransportError) {
    guard status.st_uid == geteuid() else {
      throw FramedTransportError(
        .unsafeDirectory,
        "the directory \(path) belongs to user \(status.st_uid); the socket needs one of user "
          + "\(geteuid()), who runs this, such as /tmp/riffd-\(geteuid()), which is made if it is missing"
      )
    }
    let mode = status.st_mode & 0o777
    if let group {
      guard mode == 0o750, status.st_gid == group.id else {
        throw FramedTransportError(
          .unsafeDirectory,
          "the directory \(path) has group \(status.st_gid) and mode \(Self.octal(status.st_mode)); to be "
            + "shared with the group \(group.name) it must have group \(group.id) and mode 0750, as one "
            + "that is missing is made")
      }
    } else if mode != 0o700 {
      throw FramedTransportError(.unsafeDirectory, Self.advice(status.st_mode & 0o7777, path))
    }
  }

  private static func octal(_ mode: mode_t) -> String {
    "0" + String(mode & 0o7777, radix: 8)
  }

  /// What to do about a directory with other permissions: one that others use, too, stays as it is.
  private static func advice(_ mode: mode_t, _ path: String) -> String {
    let fault = "the directory \(path) has mode 0\(String(mode, radix: 8))"
    guard mode & 0o077 != 0 else { return fault + "; it must have mode 0700" }
    // Where others may write, each user needs a name of their own.
    let below = mode & 0o022 == 0 ? "riffd" : "riffd-\(geteuid())"
    return fault + ", so that others can enter it; the socket needs one with mode 0700, such as "
      + "\(path)/\(below), which is made if it is missing"
  }
}

/// The text of `errno`.
func systemMessage(_ code: CInt = errno) -> String {
  strerror(code).map { String(cString: $0) } ?? "error \(code)"
}
