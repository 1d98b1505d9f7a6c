internal import CDiffusionKernels

/// One tensor as it lies in a checkpoint's file: the range is inside the file and matches the shape.
package struct StoredTensor: Sendable {
  let file: CheckpointFile
  let name: String
  let elementType: ElementType
  let shape: [Int]
  let range: Range<Int>
  /// What adapters add to it whenever it is read.
  var updates: [LowRankUpdate] = []

  /// The same under another name.
  func named(_ name: String) -> StoredTensor {
    StoredTensor(file: file, name: name, elementType: elementType, shape: shape, range: range)
  }

  /// Part `index` of `count` equal ones along the first axis, which `count` divides.
  func part(_ index: Int, of count: Int, named name: String) -> StoredTensor {
    precondition(!shape.isEmpty && shape[0] % count == 0)
    let length = range.count / count
    let start = range.lowerBound + index * length
    return StoredTensor(
      file: file, name: name, elementType: elementType, shape: [shape[0] / count] + shape[1...],
      range: start..<start + length)
  }

  var count: Int { range.count / elementType.byteCount }

  /// Three runs of 64 bytes that stand for its data: from a quarter, half and three quarters of it on.
  /// All of it, where it is no longer than that.
  var samples: [Range<Int>] {
    let length = 64
    guard range.count > 3 * length else { return [range] }
    return (1...3).map { quarter in
      let start = range.lowerBound + range.count / 4 * quarter
      return start..<min(start + length, range.upperBound)
    }
  }

  /// Reads elements as they are stored. `out` has room for their bytes.
  ///
  /// Throws `checkpoint` or `changed` where the file can no longer be read.
  func read(
    elements some: Range<Int>, to out: UnsafeMutableRawPointer
  ) throws(DiffusionError) {
    precondition(some.lowerBound >= 0 && some.upperBound <= count)
    guard updates.isEmpty else { return try readUpdated(some, to: out) }
    let size = elementType.byteCount
    let start = range.lowerBound + some.lowerBound * size
    try file.read(start..<start + some.count * size, into: out)
  }

  /// Reads `some` elements as f32. `out` has room for them.
  ///
  /// Throws as `read` does.
  func widen(
    elements some: Range<Int>, to out: UnsafeMutablePointer<Float>
  ) throws(DiffusionError) {
    precondition(some.lowerBound >= 0 && some.upperBound <= count)
    if elementType == .float32, updates.isEmpty { return try read(elements: some, to: out) }
    guard updates.isEmpty else {
      var plain = self
      plain.updates = []
      try plain.widen(elements: some, to: out)
      for update in updates { try update.add(elements: some, to: out) }
      return
    }
    let most = 1 << 15
    for first in stride(from: some.lowerBound, to: some.upperBound, by: most) {
      let part = first..<min(first + most, some.upperBound)
      let start = range.lowerBound + part.lowerBound * elementType.byteCount
      let bytes = try file.bytes(start..<start + part.count * elementType.byteCount)
      widen(bytes, to: out + (first - some.lowerBound), count: part.count)
    }
  }

  /// What `read` gives where there are adapters: their sum with the weight, rounded to its type.
  private func readUpdated(
    _ some: Range<Int>, to out: UnsafeMutableRawPointer
  ) throws(DiffusionError) {
    let wide = try FloatStorage(count: some.count, for: "a weight with adapters")
    try widen(elements: some, to: wide.mutable)
    let values = UnsafeBufferPointer(start: wide.pointer, count: some.count)
    switch elementType {
    case .float16:
      let target = out.assumingMemoryBound(to: UInt16.self)
      for (index, value) in values.enumerated() { target[index] = Float16(value).bitPattern }
    case .bfloat16:
      let target = out.assumingMemoryBound(to: UInt16.self)
      for (index, value) in values.enumerated() {
        // Half to even.
        let bits = value.bitPattern
        target[index] = UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
      }
    case .float32, .float64, .int64, .int32, .int16, .int8, .uint8, .bool:
      // Only weights have adapters, and of those this is the type that is left.
      out.copyMemory(from: wide.pointer, byteCount: 4 * some.count)
    }
  }

  /// The one number that it holds, of any type but a boolean.
  ///
  /// Throws `checkpoint` where it holds more or none.
  func scalar() throws(DiffusionError) -> Float {
    guard count == 1 else {
      throw .checkpoint(file.path, tensor: name.printable(200), "is not one number")
    }
    var value: Float = 0
    if elementType.isWeight {
      try widen(elements: 0..<1, to: &value)
      return value
    }
    let bytes = try file.bytes(range)
    func integer<Number: FixedWidthInteger>(_: Number.Type) -> Number {
      bytes.reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }
    switch elementType {
    case .float64: return Float(Double(bitPattern: integer(UInt64.self)))
    case .int64: return Float(integer(Int64.self))
    case .int32: return Float(integer(Int32.self))
    case .int16: return Float(integer(Int16.self))
    case .int8: return Float(Int8(bitPattern: bytes[0]))
    case .uint8: return Float(bytes[0])
    case .float32, .float16, .bfloat16, .bool:
      throw .checkpoint(file.path, tensor: name.printable(200), "is not a number")
    }
  }

  private func widen(_ bytes: [UInt8], to out: UnsafeMutablePointer<Float>, count: Int) {
    switch elementType {
    case .float32: dk_copy_float32(bytes, out, count)
    case .float16: dk_widen_float16(bytes, out, count)
    case .bfloat16: dk_widen_bfloat16(bytes, out, count)
    case .float64, .int64, .int32, .int16, .int8, .uint8, .bool:
      preconditionFailure("the weight reader lets only float types through")
    }
  }
}
