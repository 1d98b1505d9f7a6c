import Foundation

/// Writes a safetensors file of made-up numbers: evenly spread, with the variance 1/fan-in that keeps
/// a signal's size from layer to layer; norms are ones, biases zeros.
///
/// A tensor repeats a block of 65,521 numbers (a prime, so that rows differ): a file is written as
/// fast as memory is.
struct GeneratedWeights {
  enum Precision: String, CaseIterable {
    case f32, f16
  }

  private static let blockSize = 65_521

  let precision: Precision
  /// Factor of every 64th channel that a norm gives out.
  var outliers: Float = 1

  func write(_ tensors: [PlannedLayer.Tensor], to path: String) throws {
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    defer { try? file.close() }
    let tensors = tensors.sorted { $0.name < $1.name }
    var entries: [String] = []
    var offset = 0
    for tensor in tensors {
      let end = offset + self.count(tensor) * self.width
      entries.append(
        "\"\(tensor.name)\":{\"dtype\":\"\(self.precision.rawValue.uppercased())\","
          + "\"shape\":[\(tensor.shape.map(String.init).joined(separator: ","))],"
          + "\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var header = Data("{\(entries.joined(separator: ","))}".utf8)
    header.append(Data(repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8))
    let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
    try file.write(contentsOf: length + header)
    for (index, tensor) in tensors.enumerated() {
      let block = self.block(for: tensor, seed: UInt64(index))
      var left = self.count(tensor) * self.width
      while left > 0 {
        let part = left < block.count ? block.prefix(left) : block
        try file.write(contentsOf: part)
        left -= part.count
      }
    }
  }

  private var width: Int { self.precision == .f32 ? 4 : 2 }

  private func count(_ tensor: PlannedLayer.Tensor) -> Int { tensor.shape.reduce(1, *) }

  private func block(for tensor: PlannedLayer.Tensor, seed: UInt64) -> Data {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    let fanIn = tensor.shape.dropFirst().reduce(1, *)
    let range = (3 / Float(fanIn)).squareRoot()
    let size = min(Self.blockSize, self.count(tensor))
    let values = (0..<size).map { index -> Float in
      guard tensor.shape.count > 1 else {
        return tensor.name.hasSuffix(".bias") ? 0 : index % 64 == 5 ? self.outliers : 1
      }
      // Marsaglia's xorshift64.
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return (Float(state >> 40) / Float(1 << 23) - 1) * range
    }
    switch self.precision {
    case .f32: return values.withUnsafeBytes { Data($0) }
    case .f16: return values.map(Self.half).withUnsafeBytes { Data($0) }
    }
  }

  /// The bits of the f16 at or below a number's size; numbers below 2^-14 become zero.
  private static func half(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let sign = UInt16(bits >> 16) & 0x8000
    let exponent = Int(bits >> 23 & 0xff) - 127 + 15
    guard exponent > 0 else { return sign }
    return sign | UInt16(min(exponent, 30)) << 10 | UInt16(bits >> 13 & 0x3ff)
  }
}
