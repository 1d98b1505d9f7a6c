import Diffusion
import Foundation
import Testing

/// The committed fixtures, and throw-away copies of them to damage.
enum Fixture {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Fixtures").path

  static func path(_ name: String) -> String { "\(folder)/\(name)" }

  static func model(_ name: String, threads: Int = 2) throws -> SoloModel {
    try SoloModel(directory: path(name), threads: threads)
  }

  /// The named tensor of a fixture's safetensors file.
  static func tensor(_ file: String, _ name: String) throws -> (values: [Float], shape: [Int]) {
    try #require(try SafetensorsFile(path: path(file)).floats(name))
  }

  /// A copy of a checkpoint that is removed when `body` is done.
  static func withCopy(of name: String, _ body: (_ directory: String) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "riff-diffusion-\(UUID().uuidString)").path
    try FileManager.default.copyItem(atPath: path(name), toPath: directory)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try body(directory)
  }

  static func read(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: path)))
  }

  static func write(_ bytes: [UInt8], to path: String) throws {
    try Data(bytes).write(to: URL(filePath: path))
  }

  static func editJSON(_ path: String, _ edit: (inout [String: Any]) throws -> Void) throws {
    let value = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path)))
    var object = try #require(value as? [String: Any])
    try edit(&object)
    try JSONSerialization.data(withJSONObject: object).write(to: URL(filePath: path))
  }

  /// Changes the header of a safetensors file and leaves its data as it is.
  static func editHeader(
    _ path: String, _ edit: (inout [String: [String: Any]]) throws -> Void
  ) throws {
    let bytes = try read(path)
    let length = bytes[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    let value = try JSONSerialization.jsonObject(with: Data(bytes[8..<8 + length]))
    var header = try #require(value as? [String: [String: Any]])
    try edit(&header)
    let text = [UInt8](try JSONSerialization.data(withJSONObject: header))
    try write(
      littleEndian(UInt64(text.count)) + text + bytes[(8 + length)...], to: path)
  }

  /// Overwrites the first element of an f32 tensor in a safetensors file.
  static func poke(_ path: String, _ tensor: String, _ value: Float) throws {
    var bytes = try read(path)
    let start = 8 + bytes[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    let object = try JSONSerialization.jsonObject(with: Data(bytes[8..<start]))
    let header = try #require(object as? [String: [String: Any]])
    let offsets = try #require(header[tensor]?["data_offsets"] as? [Int], "\(tensor)")
    #expect(header[tensor]?["dtype"] as? String == "F32")
    for index in 0..<4 {
      bytes[start + offsets[0] + index] = UInt8(truncatingIfNeeded: value.bitPattern >> (8 * index))
    }
    try write(bytes, to: path)
  }

  static func littleEndian(_ value: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// The greatest difference as a share of the greatest expected value.
  static func relativeError(_ values: [Float], _ expected: [Float]) -> Float {
    guard values.count == expected.count, !values.isEmpty else { return .infinity }
    var difference: Float = 0
    var scale: Float = 0
    for (value, expected) in zip(values, expected) {
      guard value.isFinite else { return .infinity }
      difference = max(difference, abs(value - expected))
      scale = max(scale, abs(expected))
    }
    return difference / scale
  }
}
