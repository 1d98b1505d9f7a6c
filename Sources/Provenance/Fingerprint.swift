internal import CXXHash

/// A digest that tells one file, or one model, from another: 64 bits of XXH3, as `xxhsum -H3` gives
/// them. It recognises; it does not protect against somebody who makes two that are equal.
/// https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
public struct Fingerprint: Sendable, Hashable, CustomStringConvertible {
  /// The digest as a number; ``description`` has it as people see it.
  public let value: UInt64

  /// Of bytes that are all there.
  public init(of bytes: UnsafeRawBufferPointer) {
    value = XXH3_64bits(bytes.baseAddress, bytes.count)
  }

  /// Of bytes that are all there.
  public init(of bytes: [UInt8]) {
    self = bytes.withUnsafeBytes { Fingerprint(of: $0) }
  }

  fileprivate init(value: UInt64) {
    self.value = value
  }

  /// 16 hex digits.
  public var description: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Takes bytes as they come. Owned by one task at a time.
  public final class Builder {
    private let state: OpaquePointer

    /// Nil where the system has no memory for some 600 bytes.
    public init?() {
      guard let state = XXH3_createState() else { return nil }
      self.state = state
      XXH3_64bits_reset(state)
    }

    deinit { XXH3_freeState(state) }

    /// Appends bytes; how they are split over calls makes no difference.
    public func append(_ bytes: UnsafeRawBufferPointer) {
      XXH3_64bits_update(state, bytes.baseAddress, bytes.count)
    }

    /// Appends bytes; how they are split over calls makes no difference.
    public func append(_ bytes: [UInt8]) {
      bytes.withUnsafeBytes { append($0) }
    }

    /// Appends text and its length, so that what follows cannot be taken for its end.
    public func append(_ text: String) {
      append(Array(text.utf8))
      append(text.utf8.count)
    }

    /// Appends a number, little-endian.
    public func append(_ number: Int) {
      withUnsafeBytes(of: Int64(number).littleEndian) { append($0) }
    }

    /// Of everything so far.
    public func fingerprint() -> Fingerprint {
      Fingerprint(value: XXH3_64bits_digest(state))
    }
  }
}
