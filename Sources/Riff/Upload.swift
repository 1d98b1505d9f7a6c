public import AudioIO
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file that came with a request, read where its job needs it: in the spool, or in memory for
/// callers of the same process.
///
/// It is let go of by ``release()`` or with its last owner; its bytes then count no more.
public final class Upload: ByteSource {
  private enum Place {
    case memory([UInt8])
    case file(Int32)
    case released
  }

  private struct State {
    var place: Place
    var count: Int
  }

  let spool: UploadSpool?
  private let state: Mutex<State>

  /// A file in memory.
  public init(_ bytes: [UInt8]) {
    self.spool = nil
    self.state = Mutex(State(place: .memory(bytes), count: bytes.count))
  }

  /// An empty file, which the descriptor is handed over with.
  init(descriptor: Int32, spool: UploadSpool) {
    self.spool = spool
    self.state = Mutex(State(place: .file(descriptor), count: 0))
  }

  deinit { self.release() }

  /// Bytes so far.
  public var count: Int { self.state.withLock { $0.count } }

  /// Gives the bytes back; there is nothing to be read any more.
  public func release() {
    let (descriptor, count) = self.state.withLock { state -> (Int32?, Int) in
      // Bytes in memory are their owner's.
      guard case .file(let descriptor) = state.place else { return (nil, 0) }
      state.place = .released
      return (descriptor, state.count)
    }
    guard let descriptor else { return }
    close(descriptor)
    self.spool?.release(count)
  }

  public func read(
    at offset: Int, into target: UnsafeMutableRawBufferPointer
  ) throws(AudioIOError) -> Int {
    try self.state.withLock { state throws(AudioIOError) in
      switch state.place {
      case .released:
        throw AudioIOError(.inputFailed, field: "upload", "it has been let go of")
      case .memory(let bytes):
        guard offset >= 0, offset < bytes.count else { return 0 }
        let count = min(target.count, bytes.count - offset)
        bytes.withUnsafeBytes {
          target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count]))
        }
        return count
      case .file(let descriptor):
        var done = 0
        while done < target.count {
          let rest = UnsafeMutableRawBufferPointer(rebasing: target[done...])
          let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
          if count == 0 { break }
          if count > 0 {
            done += count
          } else if errno != EINTR {
            throw AudioIOError(
              .inputFailed, field: "upload",
              "cannot be read back: \(String(cString: strerror(errno)))")
          }
        }
        return done
      }
    }
  }

  /// Writes bytes at the end. Blocks.
  func write(_ bytes: [UInt8], atMost limit: Int) throws(JobError) {
    try self.state.withLock { state throws(JobError) in
      guard case .file(let descriptor) = state.place else { throw Self.gone }
      guard bytes.count <= limit - state.count else {
        throw JobError(
          .invalidArgument(field: "chunk"), "the upload is larger than \(limit) bytes")
      }
      try self.spool?.reserve(bytes.count)
      // What was reserved counts with the upload, also if the disk takes less.
      let place = state.count
      state.count += bytes.count
      var done = 0
      while done < bytes.count {
        let count = bytes[done...].withUnsafeBytes {
          pwrite(descriptor, $0.baseAddress, $0.count, off_t(place + done))
        }
        if count > 0 {
          done += count
        } else if errno != EINTR {
          throw JobError(
            .resourceExhausted,
            "the upload cannot be kept in \(self.spool?.folder ?? ""): "
              + String(cString: strerror(errno)))
        }
      }
    }
  }

  private static let gone = JobError(.internal, "the upload was let go of before its end")
}
