import NIOCore
import NIOHTTP1
import Synchronization

/// Writes a request's answer: one whole, or one that streams.
final class WebResponder: Sendable {
  typealias Outbound = NIOAsyncChannelOutboundWriter<HTTPPart<HTTPResponseHead, ByteBuffer>>

  private let outbound: Outbound
  private let request: HTTPRequestHead
  private let hasBegun = Mutex(false)

  init(_ outbound: Outbound, to request: HTTPRequestHead) {
    self.outbound = outbound
    self.request = request
  }

  /// Whether a head was written: then there is no other answer any more.
  var isBegun: Bool { self.hasBegun.withLock { $0 } }

  /// What every answer says: no script but the page's own files, no frame, no guessing, no outside.
  private static let standing: [(String, String)] = [
    (
      "content-security-policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        + "media-src 'self' blob:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(self), midi=(self)"),
  ]

  private func head(
    _ status: HTTPResponseStatus, _ type: String, _ more: [(String, String)]
  ) -> HTTPResponseHead {
    self.hasBegun.withLock { $0 = true }
    var headers = HTTPHeaders(Self.standing + [("content-type", type)] + more)
    if !headers.contains(name: "cache-control") {
      headers.add(name: "cache-control", value: "no-store")
    }
    return HTTPResponseHead(version: self.request.version, status: status, headers: headers)
  }

  func send(
    _ status: HTTPResponseStatus = .ok, type: String, _ body: ByteBuffer,
    headers: [(String, String)] = []
  ) async throws {
    let length = [("content-length", "\(body.readableBytes)")]
    try await self.outbound.write(.head(self.head(status, type, headers + length)))
    if self.request.method != .HEAD { try await self.outbound.write(.body(body)) }
    try await self.outbound.write(.end(nil))
  }

  func sendJSON(_ text: String, headers: [(String, String)] = []) async throws {
    try await self.send(type: "application/json", ByteBuffer(string: text), headers: headers)
  }

  func send(_ refusal: Refusal) async throws {
    try await self.send(
      refusal.status, type: "text/plain; charset=utf-8", ByteBuffer(string: refusal.message + "\n"))
  }

  /// Begins an answer of unknown length; ``write(_:)`` and ``end()`` follow.
  func begin(type: String, headers: [(String, String)] = []) async throws {
    try await self.outbound.write(.head(self.head(.ok, type, headers)))
  }

  func write(_ bytes: ByteBuffer) async throws { try await self.outbound.write(.body(bytes)) }

  func end() async throws { try await self.outbound.write(.end(nil)) }
}
