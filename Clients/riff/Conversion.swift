#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A sound file that ffmpeg turns into FLAC as it is read. The daemon never runs other programs.
final class Conversion: Sendable {
  private let name: String
  private let descriptor: Int32
  private let pid: pid_t

  /// Starts ffmpeg; `nil` where there is none.
  ///
  /// - Throws: ``Failure`` when it cannot be started.
  init?(_ file: InputFile) throws {
    self.name = file.name
    // "file:": a name is never taken for an address.
    let arguments = [
      "ffmpeg", "-nostdin", "-v", "error", "-i", "file:" + (try file.readablePath()), "-map",
      "0:a:0", "-f", "flac", "-",
    ]
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw Failure(file: "ffmpeg", "start", errno: errno) }
    defer { close(ends[1]) }
    _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
    _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var pid: pid_t = 0
    let status = posix_spawnp(&pid, arguments[0], &actions, nil, &pointers, environ)
    guard status == 0 else {
      close(ends[0])
      if status == ENOENT || status == EACCES { return nil }
      throw Failure(file: "ffmpeg", "start", errno: status)
    }
    self.descriptor = ends[0]
    self.pid = pid
  }

  deinit {
    close(self.descriptor)
    // Has no effect on one that `next` has waited for: then there is no such child.
    var status: Int32 = 0
    if waitpid(self.pid, &status, WNOHANG) == 0 {
      kill(self.pid, SIGTERM)
      waitpid(self.pid, &status, 0)
    }
  }

  /// The next piece; `nil` at the end.
  ///
  /// - Throws: ``Failure`` when ffmpeg has failed, so that half a sound is not taken for the whole.
  func next() throws -> Data? {
    var piece = Data(count: InputFile.pieceSize)
    while true {
      let count = piece.withUnsafeMutableBytes { read(self.descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        piece.removeLast(piece.count - count)
        return piece
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw Failure(file: "ffmpeg's output", "read", errno: errno)
      }
      var status: Int32 = 0
      guard waitpid(self.pid, &status, 0) == self.pid, status == 0 else {
        throw Failure(message: "ffmpeg cannot convert \(self.name)")
      }
      return nil
    }
  }
}
