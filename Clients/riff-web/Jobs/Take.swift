import NIOPosix
import RiffProtocol
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What was heard in this visit, once: its samples in a file without a name, and how it was made.
final class Take: Sendable {
  let id: Int
  let method: String
  let channels: Int
  let settings: [Riff_V1_Setting]
  private let file: UnnamedFile
  private let store: Takes
  private let state = Mutex(State())

  private struct State {
    var bytes = 0
    var isFinished = false
  }

  init(
    id: Int, method: String, channels: Int, _ settings: [Riff_V1_Setting], file: UnnamedFile,
    store: Takes
  ) {
    self.id = id
    self.method = method
    self.channels = channels
    self.settings = settings
    self.file = file
    self.store = store
  }

  /// Bytes of samples.
  var bytes: Int { self.state.withLock { $0.bytes } }
  var isFinished: Bool { self.state.withLock { $0.isFinished } }
  /// Sample frames.
  var frames: Int { self.bytes / (4 * self.channels) }

  /// Keeps samples, while there is room; what does not fit is heard, but not kept.
  func append(_ samples: [UInt8]) async {
    guard self.store.makeRoom(samples.count, for: self) else { return }
    let at = self.state.withLock { $0.bytes }
    let file = self.file
    let isWritten = try? await NIOThreadPool.singleton.runIfActive { file.write(samples, at: at) }
    if isWritten == true { self.state.withLock { $0.bytes += samples.count } }
  }

  func finish() { self.state.withLock { $0.isFinished = true } }

  /// Samples (channel, sample) from a frame on; blocks.
  func read(from frame: Int, count: Int) -> [[Float]] {
    let size = 4 * self.channels
    let count = max(0, min(count, self.frames - frame))
    let bytes = self.file.read(count * size, at: frame * size)
    return (0..<self.channels).map { channel in
      (0..<bytes.count / size).map { index in
        let at = index * size + channel * 4
        return Float(
          bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) })
      }
    }
  }
}
