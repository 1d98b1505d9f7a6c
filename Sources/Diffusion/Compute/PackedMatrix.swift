internal import CDiffusionKernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A weight matrix in the order in which products read it (`dk_pack`), its elements as
/// ``WeightForm`` says. Written by the pool's threads before it is shared, then only read.
final class PackedMatrix: @unchecked Sendable {
  let element: dk_element
  let bytes: UnsafeMutableRawPointer
  let byteCount: Int

  /// A row has `channels` times `taps` elements.
  init(
    rows: Int, channels: Int, taps: Int, element: dk_element, for what: String
  ) throws(DiffusionError) {
    // Far below what overflows: the elements are there in a file.
    let count = dk_packed_bytes(element, rows, channels, taps)
    var address: UnsafeMutableRawPointer?
    guard posix_memalign(&address, 64, max(count, 64)) == 0, let address else {
      throw .outOfMemory("not enough memory: \(rows) × \(channels * taps) elements for \(what)")
    }
    self.element = element
    bytes = address
    byteCount = count
  }

  deinit { free(bytes) }
}
