internal import CDiffusionKernels

/// How a tensor's elements are stored. Only the three float types serve as weights.
enum ElementType: String, Sendable {
  case float32 = "F32"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case float64 = "F64"
  case int64 = "I64"
  case int32 = "I32"
  case int16 = "I16"
  case int8 = "I8"
  case uint8 = "U8"
  case bool = "BOOL"

  var byteCount: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16, .int16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  var isWeight: Bool { self == .float32 || self == .float16 || self == .bfloat16 }
}

/// One tensor as it lies in a mapped file: the range is inside the file and matches the shape.
struct StoredTensor: Sendable {
  let file: MappedFile
  let name: String
  let elementType: ElementType
  let shape: [Int]
  let range: Range<Int>

  var count: Int { range.count / elementType.byteCount }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: file.bytes[range]) }

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
