internal import Glibc

/// The lock file beside a socket, `<socket>.lock`: who holds it, and nobody else, may listen there and
/// remove a stale socket.
///
/// The kernel gives it up when the process ends, however it ends. The file stays; its first line is the id
/// of the process that held it last, the second the folder in which that was then, the third, where it says,
/// its name and version.
public final class SocketLock: Sendable {
  private let descriptor: CInt
  private let name: String

  /// Takes the lock without waiting.
  ///
  /// - Parameters:
  ///   - path: The socket's; the lock file is beside it.
  ///   - program: Name and version of who takes it, a line.
  /// - Throws: ``FramedTransportError`` with code `alreadyHeld` if another process has it, `system` if
  ///   there can be no lock file.
  public init(beside path: SocketPath, program: String? = nil) throws(FramedTransportError) {
    let name = Self.name(beside: path)
    let descriptor = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      throw FramedTransportError(
        .system, "cannot open the lock file \(name): \(systemMessage())")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let (code, holder) = (errno, Self.holder(descriptor).processID)
      close(descriptor)
      guard code == EWOULDBLOCK else {
        throw FramedTransportError(.system, "cannot lock \(name): \(systemMessage(code))")
      }
      throw FramedTransportError(
        .alreadyHeld(by: holder),
        "another process\(holder.map { " (\($0))" } ?? "") serves \(path.text) already")
    }
    self.descriptor = descriptor
    self.name = name
    Self.write(getpid(), program, to: descriptor)
  }

  /// Who holds a lock, as far as the file says it.
  public struct Holder: Hashable, Sendable {
    /// Its process; nil where the file does not say.
    public var processID: Int32?
    /// The folder in which it took the lock.
    public var folder: String?
    /// Its name and version.
    public var program: String?
  }

  /// Who holds the lock beside `path` now; nil if nobody does.
  ///
  /// - Throws: ``FramedTransportError`` with code `system` if the file cannot be read.
  public static func holder(beside path: SocketPath) throws(FramedTransportError) -> Holder? {
    let name = Self.name(beside: path)
    let descriptor = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw FramedTransportError(
        .system, "cannot open the lock file \(name): \(systemMessage())")
    }
    // Closing gives up what this may have taken.
    defer { close(descriptor) }
    if flock(descriptor, LOCK_SH | LOCK_NB) == 0 { return nil }
    return Self.holder(descriptor)
  }

  /// Whether the file that is locked is still the one beside the socket.
  var isInPlace: Bool {
    FileIdentity(path: self.name) == FileIdentity(descriptor: self.descriptor)
  }

  private static func name(beside path: SocketPath) -> String { path.text + ".lock" }

  deinit {
    close(self.descriptor)
  }

  private static func holder(_ descriptor: CInt) -> Holder {
    var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX) + 256)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    let lines = bytes.prefix(max(count, 0)).split(separator: UInt8(ascii: "\n"))
      .map { String(decoding: $0, as: UTF8.self) }
    return Holder(
      processID: lines.first.flatMap { Int32($0) }, folder: lines.dropFirst().first,
      program: lines.dropFirst(2).first)
  }

  /// Only a help; that it fails does no harm.
  private static func write(_ process: Int32, _ program: String?, to descriptor: CInt) {
    var folder = [CChar](repeating: 0, count: Int(PATH_MAX))
    let isKnown = getcwd(&folder, folder.count) != nil
    let text =
      Array("\(process)\n".utf8) + Self.line(isKnown ? folder : [CChar(UInt8(ascii: "/"))])
      + Array((program.map { $0 + "\n" } ?? "").utf8)
    guard ftruncate(descriptor, 0) == 0 else { return }
    _ = pwrite(descriptor, text, text.count, 0)
  }

  private static func line(_ text: [CChar]) -> [UInt8] {
    text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) } + [UInt8(ascii: "\n")]
  }
}
