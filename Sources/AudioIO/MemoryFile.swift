internal import CSndFile

/// A file in memory behind the callbacks of libsndfile and libmpg123, read only. Confined to the thread that reads.
final class MemoryFile {
  private let bytes: [UInt8]
  private var place = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// What libsndfile calls, with a `MemoryFile` as user data.
  static var callbacks: SF_VIRTUAL_IO {
    SF_VIRTUAL_IO(
      get_filelen: { sf_count_t(MemoryFile.from($0)?.bytes.count ?? 0) },
      seek: { offset, whence, data in
        MemoryFile.from(data)?.seek(offset, whence: whence) ?? -1
      },
      read: { target, count, data in
        MemoryFile.from(data)?.read(target, count: count) ?? 0
      },
      write: { _, _, _ in 0 },
      tell: { sf_count_t(MemoryFile.from($0)?.place ?? 0) })
  }

  /// The file that a callback was given.
  static func from(_ data: UnsafeMutableRawPointer?) -> MemoryFile? {
    data.map { Unmanaged<MemoryFile>.fromOpaque($0).takeUnretainedValue() }
  }

  func seek(_ offset: sf_count_t, whence: Int32) -> sf_count_t {
    let base =
      switch Int(whence) {
      case SF_SEEK_SET: 0
      case SF_SEEK_CUR: place
      default: bytes.count
      }
    // Headers lie: an offset may be anything, and ends within the file or at its end.
    let (target, overflow) = base.addingReportingOverflow(Int(offset))
    guard !overflow, target >= 0 else { return -1 }
    place = min(target, bytes.count)
    return sf_count_t(place)
  }

  func read(_ target: UnsafeMutableRawPointer?, count: sf_count_t) -> sf_count_t {
    guard let target, count > 0 else { return 0 }
    let taken = min(Int(count), bytes.count - place)
    bytes.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      target.copyMemory(from: start + place, byteCount: taken)
    }
    place += taken
    return sf_count_t(taken)
  }
}
