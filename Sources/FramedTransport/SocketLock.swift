internal import Glibc

/// The lock file beside a socket, `<socket>.lock`: who holds it, and nobody else, may listen there and
/// remove a stale socket.
///
/// The kernel gives it up when the process ends, however it ends. The file stays; it says whose process
/// held it last.
public final class SocketLock: Sendable {
  private let descriptor: CInt

  /// Takes the lock without waiting.
  ///
  /// - Throws: ``FramedTransportError`` with code `alreadyHeld` if another process has it, `system` if
  ///   there can be no lock file.
  public init(beside path: SocketPath) throws(FramedTransportError) {
    let name = path.text + ".lock"
    let descriptor = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      throw FramedTransportError(
        .system, "cannot open the lock file \(name): \(systemMessage())")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let (code, holder) = (errno, Self.holder(descriptor))
      close(descriptor)
      guard code == EWOULDBLOCK else {
        throw FramedTransportError(.system, "cannot lock \(name): \(systemMessage(code))")
      }
      throw FramedTransportError(
        .alreadyHeld(by: holder),
        "another process\(holder.map { " (\($0))" } ?? "") serves \(path.text) already")
    }
    self.descriptor = descriptor
    Self.write(getpid(), to: descriptor)
  }

  deinit {
    close(self.descriptor)
  }

  private static func holder(_ descriptor: CInt) -> Int32? {
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { return nil }
    let digits = bytes.prefix(count).prefix { (0x30...0x39).contains($0) }
    return Int32(String(decoding: digits, as: UTF8.self))
  }

  /// Only a help for people; that it fails does no harm.
  private static func write(_ process: Int32, to descriptor: CInt) {
    let text = Array("\(process)\n".utf8)
    guard ftruncate(descriptor, 0) == 0 else { return }
    _ = pwrite(descriptor, text, text.count, 0)
  }
}
