internal import Glibc

/// The rule for the directory of a socket: a real directory, not a symbolic link, of this user, with mode
/// 0700, so that nobody else can put a socket there or reach the one that is.
public struct SocketDirectory: Hashable, Sendable {
  /// As it was given; it was real, this user's and of mode 0700 when it was checked.
  public let path: String

  /// Checks a directory that exists. Clients do this before they connect.
  ///
  /// - Throws: ``FramedTransportError`` with code `unsafeDirectory`.
  public static func verify(_ path: String) throws(FramedTransportError) -> SocketDirectory {
    let descriptor = try Self.open(path)
    defer { close(descriptor) }
    try Self.check(descriptor, path)
    return SocketDirectory(path: path)
  }

  /// Checks a directory, and makes it with mode 0700 if it is missing. Its parent must exist.
  ///
  /// - Throws: ``FramedTransportError`` with code `unsafeDirectory` or `system`.
  public static func prepare(_ path: String) throws(FramedTransportError) -> SocketDirectory {
    let isNew = mkdir(path, 0o700) == 0
    if !isNew && errno != EEXIST {
      throw FramedTransportError(.system, "cannot make the directory \(path): \(systemMessage())")
    }
    let descriptor = try Self.open(path)
    defer { close(descriptor) }
    // The process's umask may have taken bits away.
    if isNew { fchmod(descriptor, 0o700) }
    try Self.check(descriptor, path)
    return SocketDirectory(path: path)
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

  private static func check(
    _ descriptor: CInt, _ path: String
  ) throws(FramedTransportError) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw FramedTransportError(
        .unsafeDirectory, "cannot examine the directory \(path): \(systemMessage())")
    }
    guard status.st_uid == geteuid() else {
      throw FramedTransportError(
        .unsafeDirectory,
        "the directory \(path) belongs to user \(status.st_uid); the socket needs one of user "
          + "\(geteuid()), who runs this, such as /tmp/riffd-\(geteuid()), which is made if it is missing"
      )
    }
    let mode = status.st_mode & 0o7777
    guard mode & 0o777 == 0o700 else {
      throw FramedTransportError(.unsafeDirectory, Self.advice(mode, path))
    }
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
