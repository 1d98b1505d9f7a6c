import Foundation
import Testing

/// A program that judges our output, or makes our input, from outside.
struct Witness {
  var status: Int32
  var output: Data
  var errors: String

  var text: String { String(decoding: output, as: UTF8.self) }

  /// Runs a program found on the path, to its end.
  static func run(_ arguments: String...) throws -> Witness { try run(arguments) }

  /// Runs a program found on the path, to its end.
  static func run(_ arguments: [String]) throws -> Witness {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    let folder = FileManager.default.temporaryDirectory
    let errors = folder.appending(path: "riffd-errors-\(UUID().uuidString)")
    try Data().write(to: errors)
    defer { try? FileManager.default.removeItem(at: errors) }
    let output = Pipe()
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: errors)
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return Witness(
      status: process.terminationStatus, output: data,
      errors: try String(contentsOf: errors, encoding: .utf8))
  }

  /// ffmpeg's decoding of a file to interleaved floats; nothing may be said on the way, but that
  /// there is no sound where there is none. Without a decoder named, ffmpeg takes its own.
  static func decoded(_ path: String, decoder: String? = nil) throws -> [Float] {
    let ffmpeg = try run(
      ["ffmpeg", "-nostdin", "-v", "warning"] + (decoder.map { ["-c:a", $0] } ?? [])
        + ["-i", path, "-f", "f32le", "-"])
    try #require(ffmpeg.status == 0, "\(ffmpeg.errors)")
    let isEmpty = ffmpeg.output.isEmpty && ffmpeg.errors.hasPrefix("Output file is empty")
    #expect(ffmpeg.errors.isEmpty || isEmpty, "\(ffmpeg.errors)")
    return ffmpeg.output.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
  }
}

/// Runs `body` with a path for a file of these bytes that is gone afterwards.
func withTemporaryFile<Result>(
  _ fileExtension: String, _ bytes: [UInt8] = [], _ body: (String) throws -> Result
) throws -> Result {
  let url = FileManager.default.temporaryDirectory
    .appending(path: "riffd-\(UUID().uuidString).\(fileExtension)")
  try Data(bytes).write(to: url)
  defer { try? FileManager.default.removeItem(at: url) }
  return try body(url.path)
}
