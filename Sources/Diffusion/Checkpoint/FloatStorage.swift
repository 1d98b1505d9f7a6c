#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Owned f32 memory, aligned to 64 bytes. Written once by whoever made it, then only read: that is
/// why it may be shared between threads.
final class FloatStorage: @unchecked Sendable {
  let count: Int
  /// Only for the maker, before the object is shared.
  let mutable: UnsafeMutablePointer<Float>

  var pointer: UnsafePointer<Float> { UnsafePointer(mutable) }

  init(count: Int, for what: String) throws(DiffusionError) {
    self.count = count
    mutable = try Self.allocate(count, for: what)
  }

  deinit { free(mutable) }

  /// `count` floats that the caller frees; contents undefined.
  static func allocate(
    _ count: Int, for what: String
  ) throws(DiffusionError) -> UnsafeMutablePointer<Float> {
    var address: UnsafeMutableRawPointer?
    let (bytes, overflow) = max(count, 16).multipliedReportingOverflow(by: 4)
    guard !overflow, posix_memalign(&address, 64, bytes) == 0, let address else {
      throw .outOfMemory("not enough memory: \(count) floats for \(what)")
    }
    return address.bindMemory(to: Float.self, capacity: max(count, 16))
  }
}
