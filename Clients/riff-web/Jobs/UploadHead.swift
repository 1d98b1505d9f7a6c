import NIOCore
import NIOHTTP1

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The beginning of a request that carries a file: the JSON's length (4 bytes, little-endian), the JSON,
/// then the file's bytes to the body's end.
struct UploadHead: Sendable {
  var json: [UInt8]
  private var rest: ByteBuffer
  private var body: BodyPipe

  /// Largest piece that goes to the daemon in one message, in bytes.
  private static let pieceSize = 64 << 10

  /// - Throws: ``Refusal`` where the JSON is too large or incomplete.
  init(_ body: BodyPipe) async throws {
    var bytes = ByteBuffer()
    var length: Int?
    while true {
      if length == nil, let value = bytes.readInteger(endianness: .little, as: UInt32.self) {
        length = Int(value)
      }
      if let length {
        guard length <= JobCalls.messageLimit else {
          throw Refusal(
            .payloadTooLarge, "the request's JSON must have at most \(JobCalls.messageLimit) bytes")
        }
        if let json = bytes.readBytes(length: length) {
          self.json = json
          break
        }
      }
      guard var piece = try await body.next() else {
        throw Refusal(.badRequest, "the request ends before its JSON does")
      }
      bytes.writeBuffer(&piece)
    }
    self.rest = bytes
    self.body = body
  }

  /// Calls `take` with the file's pieces.
  func pieces(_ take: (Data) async throws -> Void) async throws {
    var next: ByteBuffer? = self.rest
    while var bytes = next {
      while bytes.readableBytes > 0 {
        let count = min(bytes.readableBytes, Self.pieceSize)
        guard let piece = bytes.readBytes(length: count) else { break }
        try await take(Data(piece))
      }
      next = try await self.body.next()
    }
  }
}
