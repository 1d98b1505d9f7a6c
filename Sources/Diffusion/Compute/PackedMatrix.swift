internal import CDiffusionKernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A weight matrix in the order in which products read it (`dk_pack`), its elements as they are in
/// the file. Written by the pool's threads before it is shared, then only read.
final class PackedMatrix: @unchecked Sendable {
  let element: dk_element
  let bytes: UnsafeMutableRawPointer
  let byteCount: Int

  init(rows: Int, columns: Int, element: dk_element, for what: String) throws(DiffusionError) {
    let size = element == dk_element_float32 ? 4 : 2
    let (count, overflow) = dk_packed_count(rows, columns).multipliedReportingOverflow(by: size)
    var address: UnsafeMutableRawPointer?
    guard !overflow, posix_memalign(&address, 64, max(count, 64)) == 0, let address else {
      throw .outOfMemory("not enough memory: \(rows) × \(columns) elements for \(what)")
    }
    self.element = element
    bytes = address
    byteCount = count
  }

  deinit { free(bytes) }
}
