#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A place in a `ByteSource`, behind the callbacks of the C libraries that read files. Confined to the
/// thread that reads.
final class SourceCursor {
  let source: any ByteSource
  private(set) var place = 0
  /// Why reading failed, which a callback cannot throw.
  private(set) var failure: AudioIOError?

  init(_ source: any ByteSource) { self.source = source }

  /// The cursor that a callback was given.
  static func from(_ data: UnsafeMutableRawPointer?) -> SourceCursor? {
    data.map { Unmanaged<SourceCursor>.fromOpaque($0).takeUnretainedValue() }
  }

  /// What callbacks are given; the cursor must outlive its use.
  var pointer: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

  enum Origin {
    case start, place, end

    /// As fseek(3) names it.
    init(_ whence: Int32) {
      switch whence {
      case Int32(SEEK_SET): self = .start
      case Int32(SEEK_CUR): self = .place
      default: self = .end
      }
    }
  }

  /// The new place; nil before the beginning. Headers lie: an offset may be anything, and ends within
  /// the file or at its end.
  func seek(_ offset: Int64, from origin: Origin) -> Int? {
    let base =
      switch origin {
      case .start: 0
      case .place: place
      case .end: source.count
      }
    let (target, overflow) = base.addingReportingOverflow(Int(offset))
    guard !overflow, target >= 0 else { return nil }
    place = min(target, source.count)
    return place
  }

  /// Bytes read; nil where the source fails.
  func read(_ target: UnsafeMutableRawPointer?, count: Int) -> Int? {
    guard let target, count > 0 else { return 0 }
    do throws(AudioIOError) {
      let taken = try source.read(
        at: place, into: UnsafeMutableRawBufferPointer(start: target, count: count))
      place += taken
      return taken
    } catch {
      failure = error
      return nil
    }
  }

  /// Throws `inputFailed` if reading has failed.
  func checkFailure() throws(AudioIOError) {
    if let failure { throw failure }
  }
}
