import GRPCCore
import GRPCProtobuf
import SwiftProtobuf
import RiffProtocol

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What `--json` prints: one object a line, the messages of riff.proto in proto3's JSON mapping
/// (docs/json.md).
struct JSONLines {
  static let standardOutput = JSONLines(terminal: .standardOutput)
  static let standardError = JSONLines(terminal: .standardError)

  private let terminal: Terminal

  /// Where a job's events go, if `--json` was given: not among its sound.
  static func ofJob(to destination: Destination) -> JSONLines? {
    guard CommandLine.arguments.contains("--json") else { return nil }
    return destination.usesStandardOutput ? .standardError : .standardOutput
  }

  private init(terminal: Terminal) { self.terminal = terminal }

  func write(_ message: some Message) throws {
    var options = JSONEncodingOptions()
    options.alwaysPrintInt64sAsNumbers = true
    self.terminal.write(try message.jsonString(options: options) + "\n")
  }

  /// An event; of sound and pictures only how many bytes they have.
  func write(event: Riff_V1_JobEvent) throws {
    switch event.event {
    case .audio(let bytes): self.writeBytes("audioBytes", bytes.count, event)
    case .spectrogram(let bytes): self.writeBytes("spectrogramBytes", bytes.count, event)
    default: try self.write(event)
    }
  }

  private func writeBytes(_ name: String, _ count: Int, _ event: Riff_V1_JobEvent) {
    self.terminal.write("{\"\(name)\":\(count),\"jobId\":\(event.jobID)}\n")
  }

  /// What has no message in riff.proto.
  func write(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    self.terminal.write(String(decoding: try encoder.encode(value), as: UTF8.self) + "\n")
  }

  /// Why a command failed.
  func write(_ failure: Failure) {
    var fields = ["\"message\":\(Self.quoted(failure.message))"]
    if let code = failure.code { fields.append("\"code\":\(Self.quoted(code))") }
    self.terminal.write("{\"error\":{\(fields.joined(separator: ","))}}\n")
  }

  /// What the user should know, though the command goes on.
  func write(warning: String) {
    self.terminal.write("{\"warning\":{\"message\":\(Self.quoted(warning))}}\n")
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
