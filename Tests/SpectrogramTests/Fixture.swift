import Foundation
import Testing

import Spectrogram

/// Files beside the tests, made by Fixtures/make_fixtures.py.
enum Fixture {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Fixtures")

  static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: folder.appending(path: name)))
  }

  /// 16-bit samples, full scale 1, shape (channel, sample).
  static func samples(_ name: String, channels: Int) throws -> [[Float]] {
    let bytes = try bytes(name)
    let count = bytes.count / 2 / channels
    return (0..<channels).map { channel in
      (0..<count).map { index in
        let place = 2 * (index * channels + channel)
        return Float(Int16(bitPattern: UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8))
          / 32_768
      }
    }
  }
}

/// Runs a program that judges our output from outside.
func witness(_ arguments: [String]) throws -> String {
  let process = Process()
  process.executableURL = URL(filePath: arguments[0])
  process.arguments = Array(arguments.dropFirst())
  let output = Pipe()
  process.standardOutput = output
  try process.run()
  let data = try output.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  try #require(process.terminationStatus == 0, "\(arguments[0]) failed")
  return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
}

/// Runs `body` with a path for a file that is gone afterwards.
func withTemporaryFile<Result>(
  _ fileExtension: String, _ bytes: [UInt8], _ body: (String) throws -> Result
) throws -> Result {
  let url = FileManager.default.temporaryDirectory
    .appending(path: "riffd-\(UUID().uuidString).\(fileExtension)")
  try Data(bytes).write(to: url)
  defer { try? FileManager.default.removeItem(at: url) }
  return try body(url.path)
}
