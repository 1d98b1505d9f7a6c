import Foundation

/// Random weights in a safetensors file that is removed when `body` is done.
struct WeightFile {
  enum Element: String, CaseIterable {
    case float32 = "F32"
    case float16 = "F16"
    case bfloat16 = "BF16"
  }

  let folder: String
  /// The elements as they are stored, widened.
  let tensors: [String: [Float]]

  static func with(
    _ shapes: [(name: String, shape: [Int], element: Element)],
    _ body: (WeightFile) throws -> Void
  ) throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "riff-weights-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var random = Random(seed: 7)
    var header: [String: Any] = [:]
    var data: [UInt8] = []
    var tensors: [String: [Float]] = [:]
    for (name, shape, element) in shapes {
      let begin = data.count
      tensors[name] = (0..<shape.reduce(1, *)).map { _ in
        let value = random.next()
        switch element {
        case .float32:
          data += bytes(value.bitPattern)
          return value
        case .float16:
          let half = Float16(value)
          data += bytes(half.bitPattern)
          return Float(half)
        case .bfloat16:
          let top = UInt16(value.bitPattern >> 16)
          data += bytes(top)
          return Float(bitPattern: UInt32(top) << 16)
        }
      }
      header[name] = [
        "dtype": element.rawValue, "shape": shape, "data_offsets": [begin, data.count],
      ]
    }
    let text = [UInt8](try JSONSerialization.data(withJSONObject: header))
    try Fixture.write(
      Fixture.littleEndian(UInt64(text.count)) + text + data, to: "\(folder)/weights.safetensors")
    try body(WeightFile(folder: folder, tensors: tensors))
  }

  private static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  /// Evenly spread over −1 … 1: Knuth's linear congruential generator.
  struct Random {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> Float {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(Int32(truncatingIfNeeded: state >> 32)) / 2_147_483_648
    }

    mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in next() } }
  }
}
