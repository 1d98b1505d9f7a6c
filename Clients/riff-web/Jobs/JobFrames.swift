import GRPCCore
import GRPCProtobuf
import NIOCore
import RiffProtocol
import SwiftProtobuf
import Synchronization

/// A job's events as the page reads them, in one streaming answer: frames of a length (4 bytes,
/// little-endian, of the payload), a kind (1 byte) and a payload.
final class JobFrames: Sendable {
  enum Kind: UInt8 {
    /// An event in proto3's JSON; `{"channels":…}` before the first sound, `{"take":…}` when one is kept;
    /// the last is `{"ok":true}` or `{"error":{"code","message","violations"}}`.
    case json = 1
    /// Interleaved little-endian 32-bit floats at 48 kHz.
    case samples = 2
    /// The picture; the event's `firstColumn` (4 bytes, little-endian), then a PNG file.
    case picture = 3
  }

  private let responder: WebResponder
  private let takes: Takes
  private let method: String

  init(_ responder: WebResponder, takes: Takes, method: String) {
    self.responder = responder
    self.takes = takes
    self.method = method
  }

  /// Answers with what `call` sends, and with how it ended.
  func run(_ call: @escaping @Sendable () async throws -> Void) async throws {
    try await self.responder.begin(type: "application/octet-stream")
    do {
      try await call()
      try await self.say(#"{"ok":true}"#)
    } catch let error as RPCError {
      try await self.say(FailureJSON(error).text)
    } catch let error as GRPCCore.RuntimeError {
      guard let cause = error.cause as? RPCError else { throw error }
      try await self.say(FailureJSON(cause).text)
    }
    try await self.responder.end()
  }

  func say(_ json: String) async throws { try await self.write(.json, Array(json.utf8)) }

  func send(_ response: StreamingClientResponse<Riff_V1_JobEvent>) async throws {
    var header = WAVHeader()
    var take: Take?
    var settings: [Riff_V1_Setting] = []
    do {
      for try await event in response.messages {
        switch event.event {
        case .audio(let bytes):
          guard let samples = try header.takeSamples(Array(bytes)), !samples.isEmpty else {
            continue
          }
          if take == nil {
            try await self.say(#"{"channels":\#(header.channels)}"#)
            take = self.takes.begin(method: self.method, channels: header.channels, settings)
          }
          try await self.write(.samples, samples)
          await take?.append(samples)
        case .spectrogram(let bytes):
          var payload = withUnsafeBytes(
            of: UInt32(truncatingIfNeeded: event.firstColumn).littleEndian
          ) {
            Array($0)
          }
          payload += bytes
          try await self.write(.picture, payload)
        case .started(let started):
          settings = started.settings
          try await self.say(try event.jsonString())
        default: try await self.say(try event.jsonString())
        }
      }
    } catch {
      take?.finish()
      throw error
    }
    if let take {
      take.finish()
      try await self.say(#"{"take":\#(take.id)}"#)
    }
  }

  func send(_ answer: Riff_V1_AnalyzeResponse) async throws {
    for warning in answer.warnings {
      try await self.say(try Riff_V1_JobEvent.with { $0.warning = warning }.jsonString())
    }
    try await self.write(.picture, [0, 0, 0, 0] + answer.png)
  }

  private func write(_ kind: Kind, _ payload: [UInt8]) async throws {
    var frame = ByteBuffer()
    frame.reserveCapacity(payload.count + 5)
    frame.writeInteger(UInt32(payload.count), endianness: .little)
    frame.writeInteger(kind.rawValue)
    frame.writeBytes(payload)
    try await self.responder.write(frame)
  }
}
