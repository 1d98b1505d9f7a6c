internal import CDiffusionKernels

/// One tensor as it lies in a mapped file: the range is inside the file and matches the shape.
package struct StoredTensor: Sendable {
  let file: MappedFile
  let name: String
  let elementType: ElementType
  let shape: [Int]
  let range: Range<Int>

  var count: Int { range.count / elementType.byteCount }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: file.bytes[range]) }

  /// Gives its part of the file back to the system, for it has been copied.
  func forget() { file.forget(range) }

  /// Writes `some` elements as f32. `out` has room for them.
  func widen(elements some: Range<Int>, to out: UnsafeMutablePointer<Float>) {
    precondition(some.lowerBound >= 0 && some.upperBound <= count)
    guard !some.isEmpty, let base = bytes.baseAddress else { return }
    let source = base + some.lowerBound * elementType.byteCount
    switch elementType {
    case .float32: dk_copy_float32(source, out, some.count)
    case .float16: dk_widen_float16(source, out, some.count)
    case .bfloat16: dk_widen_bfloat16(source, out, some.count)
    case .float64, .int64, .int32, .int16, .int8, .uint8, .bool:
      preconditionFailure("the weight reader lets only float types through")
    }
  }
}
