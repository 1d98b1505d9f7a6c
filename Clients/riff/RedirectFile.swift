import FramedTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A page of mode 0600 in the socket's own folder that sends the browser to an address; gone with its owner.
final class RedirectFile {
  private let path: String

  /// - Throws: ``Failure`` where the file cannot be written.
  init(_ address: WebAddress, beside socket: String) throws {
    let path = "\(try SocketPath(socket).directory)/web-\(getpid()).html"
    let descriptor = Self.create(path)
    guard descriptor >= 0 else { throw Failure(file: path, "write", errno: errno) }
    defer { close(descriptor) }
    let bytes = Array(address.redirect.utf8)
    guard write(descriptor, bytes, bytes.count) == bytes.count else {
      let code = errno
      unlink(path)
      throw Failure(file: path, "write", errno: code)
    }
    self.path = path
  }

  deinit { unlink(self.path) }

  /// Opens it in the user's browser; false where nothing can.
  func open() -> Bool {
    #if os(macOS)
      let opener = "/usr/bin/open"
    #else
      let opener = "xdg-open"
      // Without a display, what xdg-open finds would take over the terminal.
      let environment = ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"]
      guard environment.contains(where: { getenv($0).map { $0.pointee != 0 } == true }) else {
        return false
      }
    #endif
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor in 0...2 as ClosedRange<Int32> {
      posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
    }
    var arguments: [UnsafeMutablePointer<CChar>?] =
      [opener, self.path].map { (word: String) in strdup(word) } + [nil]
    defer { for pointer in arguments { free(pointer) } }
    var pid: pid_t = 0
    return posix_spawnp(&pid, opener, &actions, nil, &arguments, environ) == 0
  }

  private static func create(_ path: String) -> Int32 {
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    #if canImport(Glibc)
      return Glibc.open(path, flags, 0o600)
    #elseif canImport(Musl)
      return Musl.open(path, flags, 0o600)
    #else
      return Darwin.open(path, flags, 0o600)
    #endif
  }
}
