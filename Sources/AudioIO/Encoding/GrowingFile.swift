internal import CSndFile

/// A file that libsndfile writes through its callbacks, taken away as it grows.
///
/// Encoders go back to the beginning at the end, to say how long the sound is: so the first bytes are
/// kept, and what changed in them is told. Confined to the thread that writes.
final class GrowingFile {
  /// The first bytes, at most ``headCapacity``, as they were last written.
  private(set) var head: [UInt8] = []
  /// Bytes of ``head`` up to the last one that was written again.
  private(set) var rewritten = 0

  /// What was written and not yet taken.
  private var pending: [UInt8] = []
  private var place = 0
  private var length = 0

  /// More than an encoder's own head takes, the first frame of an MP3 included.
  private static let headCapacity = 8_192

  /// What was written since the last call.
  func take() -> [UInt8] {
    defer { pending = [] }
    return pending
  }

  /// What libsndfile calls, with a `GrowingFile` as user data.
  static var callbacks: SF_VIRTUAL_IO {
    SF_VIRTUAL_IO(
      get_filelen: { sf_count_t(GrowingFile.from($0)?.length ?? 0) },
      seek: { offset, whence, data in
        GrowingFile.from(data)?.seek(Int(offset), whence: Int(whence)) ?? -1
      },
      read: { _, _, _ in 0 },
      write: { source, count, data in
        GrowingFile.from(data)?.write(UnsafeRawBufferPointer(start: source, count: Int(count))) ?? 0
      },
      tell: { sf_count_t(GrowingFile.from($0)?.place ?? 0) })
  }

  private static func from(_ data: UnsafeMutableRawPointer?) -> GrowingFile? {
    data.map { Unmanaged<GrowingFile>.fromOpaque($0).takeUnretainedValue() }
  }

  private func seek(_ offset: Int, whence: Int) -> sf_count_t {
    let base =
      switch whence {
      case SF_SEEK_SET: 0
      case SF_SEEK_CUR: place
      default: length
      }
    let target = base + offset
    guard (0...length).contains(target) else { return -1 }
    place = target
    return sf_count_t(target)
  }

  /// Appends, or writes again within the head.
  private func write(_ bytes: UnsafeRawBufferPointer) -> sf_count_t {
    let end = place + bytes.count
    if place == length {
      pending.append(contentsOf: bytes)
      head.append(contentsOf: bytes.prefix(Self.headCapacity - head.count))
      length = end
    } else {
      guard end <= head.count else { return 0 }
      head.replaceSubrange(place..<end, with: bytes)
      rewritten = max(rewritten, end)
      // What has not left yet leaves as it is now.
      let first = length - pending.count
      for index in max(place, first)..<max(end, first) { pending[index - first] = head[index] }
    }
    place = end
    return sf_count_t(bytes.count)
  }
}
