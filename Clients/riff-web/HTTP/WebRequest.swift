import NIOCore
import NIOHTTP1

/// A request: its head, and its body as it comes.
struct WebRequest: Sendable {
  var head: HTTPRequestHead
  var body: BodyPipe

  var method: HTTPMethod { self.head.method }
  var headers: HTTPHeaders { self.head.headers }

  /// What comes before the question mark.
  var path: String { String(self.head.uri.prefix { $0 != "?" }) }

  /// The whole body.
  ///
  /// - Throws: ``Refusal``, 413 where it is larger than `limit` bytes.
  func wholeBody(limit: Int) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    while let part = try await self.body.next() {
      guard bytes.count + part.readableBytes <= limit else {
        throw Refusal(.payloadTooLarge, "the request must have at most \(limit) bytes")
      }
      bytes += part.readableBytesView
    }
    return bytes
  }
}
