import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A descriptor that bytes are written into as they come: standard output, a pipe, a device.
///
/// A reader may be slow or paused, so writing waits on a thread of its own. Used by one task.
final class OutputStream: Sendable {
  let said: String
  private let descriptor: Int32
  /// Whether standard output was led into a file, whose start can be written again.
  private let start: off_t?
  private let queue = DispatchQueue(label: "riff.output")

  /// The most that a pipe which has room takes without waiting (pipe(7)).
  private static let piece = 4_096
  /// How often a writer that waits looks whether it should stop, in milliseconds.
  private static let patience: Int32 = 100

  /// Takes a descriptor of this process, which stays open.
  init(descriptor: Int32, said: String) {
    self.descriptor = descriptor
    self.said = said
    var status = stat()
    let isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    let place = isFile ? lseek(descriptor, 0, SEEK_CUR) : -1
    let flags = fcntl(descriptor, F_GETFL)
    self.start = place >= 0 && flags >= 0 && flags & O_APPEND == 0 ? place : nil
  }

  /// Opens a pipe or a device, waiting for the reader of a pipe.
  ///
  /// - Throws: ``Failure``, or `CancellationError`.
  static func open(path: String, said: String) async throws -> OutputStream {
    while true {
      // Without O_NONBLOCK, nothing could end the wait for a reader.
      let descriptor = Descriptor.open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
      if descriptor >= 0 {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
        return OutputStream(descriptor: descriptor, said: said)
      }
      guard errno == ENXIO || errno == EINTR else {
        throw Failure(file: said, "write to", errno: errno)
      }
      try await Task.sleep(for: .milliseconds(Int(Self.patience) / 2))
    }
  }

  /// Appends bytes.
  ///
  /// - Throws: ``Failure``, or `CancellationError` where the task was cancelled while nobody took them.
  func write(_ bytes: [UInt8]) async throws {
    let isStopped = StopFlag()
    let (descriptor, said, isFile) = (self.descriptor, self.said, self.start != nil)
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation {
        (continuation: CheckedContinuation<Void, any Error>) in
        self.queue.async {
          continuation.resume(
            with: Result {
              try Self.write(bytes, to: descriptor, said, isFile: isFile, until: isStopped)
            })
        }
      }
    } onCancel: {
      isStopped.set()
    }
  }

  private static func write(
    _ bytes: [UInt8], to descriptor: Int32, _ said: String, isFile: Bool, until isStopped: StopFlag
  ) throws {
    try bytes.withUnsafeBytes { buffer in
      var written = 0
      while written < buffer.count {
        if !isFile {
          var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          let count = poll(&ready, 1, Self.patience)
          if isStopped.isSet { throw CancellationError() }
          guard count > 0 else { continue }
        }
        let rest = buffer[written...].prefix(isFile ? buffer.count : Self.piece)
        let count = Descriptor.write(descriptor, UnsafeRawBufferPointer(rebasing: rest))
        if count < 0 {
          switch errno {
          case EINTR, EAGAIN: continue
          case EPIPE: throw Failure.readerQuit
          default: throw Failure(file: said, "write to", errno: errno)
          }
        }
        written += count
      }
    }
  }

  /// Puts other bytes in the place of the first ones, where that can be done.
  func overwriteStart(_ bytes: [UInt8]) throws {
    guard let start else { return }
    let written = bytes.withUnsafeBytes {
      pwrite(self.descriptor, $0.baseAddress, $0.count, start)
    }
    guard written == bytes.count else { throw Failure(file: self.said, "write to", errno: errno) }
  }

  /// Waits until a pipe's reader has gone.
  ///
  /// - Returns: Whether it has; at once for what is not a pipe, or when the task is cancelled.
  static func readerQuit(_ descriptor: Int32) async -> Bool {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else { return false }
    while !Task.isCancelled {
      var ready = pollfd(fd: descriptor, events: 0, revents: 0)
      if poll(&ready, 1, 0) > 0, ready.revents & Int16(POLLERR) != 0 { return true }
      try? await Task.sleep(for: .milliseconds(Int(Self.patience)))
    }
    return false
  }
}
