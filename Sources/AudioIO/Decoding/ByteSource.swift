/// The bytes of a file, read at any place: what decoders read from.
public protocol ByteSource: AnyObject, Sendable {
  /// Bytes in all.
  var count: Int { get }

  /// Copies bytes from `offset` on and returns how many: fewer than `target` has room for only where
  /// the file ends. Throws `inputFailed`.
  func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(AudioIOError) -> Int
}

extension ByteSource {
  /// The bytes of a range, as far as the file goes. Throws `inputFailed`.
  public func bytes(_ range: Range<Int>) throws(AudioIOError) -> [UInt8] {
    let range = range.clamped(to: 0..<count)
    guard !range.isEmpty else { return [] }
    var failure: AudioIOError?
    let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
      do throws(AudioIOError) {
        filled = try read(at: range.lowerBound, into: UnsafeMutableRawBufferPointer(buffer))
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// The first bytes of the file. Throws `inputFailed`.
  public func prefix(_ length: Int) throws(AudioIOError) -> [UInt8] {
    try bytes(0..<min(length, count))
  }
}

/// A file in memory.
public final class MemoryBytes: ByteSource {
  private let bytes: [UInt8]

  /// The bytes of a whole file.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  public var count: Int { bytes.count }

  public func read(
    at offset: Int, into target: UnsafeMutableRawBufferPointer
  ) throws(AudioIOError) -> Int {
    guard offset >= 0, offset < bytes.count else { return 0 }
    let count = min(target.count, bytes.count - offset)
    bytes.withUnsafeBytes {
      target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count]))
    }
    return count
  }
}
