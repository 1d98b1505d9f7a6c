import Foundation
import Testing

/// What ffmpeg's `ebur128` filter (EBU R 128, which is BS.1770) says of a sound.
struct LoudnessWitness: CustomStringConvertible {
  /// In LUFS; −70 for silence.
  let integrated: Double
  /// The highest true peak of any channel, in dB of full scale; −infinity for silence.
  let truePeak: Double

  var description: String { "\(integrated) LUFS, \(truePeak) dBTP" }

  /// Of samples (channel, sample) at 48 kHz.
  init(_ samples: [[Float]]) throws {
    var bytes = Data(capacity: samples.count * samples[0].count * 4)
    for frame in samples[0].indices {
      for channel in samples {
        withUnsafeBytes(of: channel[frame].bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
      }
    }
    try self.init(
      Array(bytes), ["-f", "f32le", "-ar", "48000", "-ac", "\(samples.count)"])
  }

  /// Of a file; `format` are ffmpeg's options for reading it.
  init(_ file: [UInt8], _ format: [String] = []) throws {
    let folder = FileManager.default.temporaryDirectory
    let path = folder.appending(path: "riffd-\(UUID().uuidString).sound")
    let report = folder.appending(path: "riffd-\(UUID().uuidString).txt")
    defer {
      try? FileManager.default.removeItem(at: path)
      try? FileManager.default.removeItem(at: report)
    }
    try Data(file).write(to: path)
    try Data().write(to: report)
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments =
      ["ffmpeg", "-nostdin", "-hide_banner", "-nostats"] + format
      + ["-i", path.path, "-af", "ebur128=peak=true:framelog=verbose", "-f", "null", "-"]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = try FileHandle(forWritingTo: report)
    try process.run()
    process.waitUntilExit()
    let text = try String(contentsOf: report, encoding: .utf8)
    try #require(process.terminationStatus == 0, "\(text)")
    let summary = try #require(text.components(separatedBy: "Summary:").last)
    integrated = try Self.number("I:", in: summary)
    truePeak = try Self.number("Peak:", in: summary)
  }

  private static func number(_ name: String, in text: String) throws -> Double {
    let words = text.split(whereSeparator: \.isWhitespace)
    let place = try #require(words.firstIndex { $0 == name })
    let word = try #require(words[place...].dropFirst().first)
    return word == "-inf" ? -.infinity : try #require(Double(word))
  }
}
