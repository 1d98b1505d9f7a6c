import FramedTransport
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Synchronization

/// Answers HTTP/1.1 on a Unix-domain socket of its own with what the daemon tells of itself.
struct MetricsServer: Service {
  let place: SocketPlace
  /// The place's socket, which listens already, so that metrics are there as soon as the daemon is.
  let listener: CInt
  let logger: Logger
  let text: @Sendable () async throws -> String

  private typealias Connection = NIOAsyncChannel<
    HTTPServerRequestPart, HTTPPart<HTTPResponseHead, ByteBuffer>
  >

  /// Connections at once; others are closed.
  private static let connectionLimit = 16
  /// A connection that says nothing for so long is closed.
  private static let patience = TimeAmount.seconds(30)

  func run() async throws {
    let crowd = Crowd(limit: Self.connectionLimit)
    // Whoever has been accepted when the end comes is dropped, which a channel that is wrapped already does not
    // survive, nor its process. So a connection is wrapped by the task that takes it, and not read before.
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelOption(.autoRead, value: false)
      .bind(self.listener) { channel -> EventLoopFuture<any Channel> in
        guard crowd.enter(channel) else {
          channel.close(promise: nil)
          return channel.eventLoop.makeFailedFuture(NoRoom())
        }
        return channel.eventLoop.makeSucceededFuture(channel)
      }
    defer {
      crowd.close()
      self.place.release()
    }
    self.logger.info("metrics", metadata: ["socket": "\(self.place.path.text)"])
    try? await cancelWhenGracefulShutdown {
      try await self.serve(server)
    }
  }

  private func serve(_ server: NIOAsyncChannel<any Channel, Never>) async throws {
    try await server.executeThenClose { channels in
      try await withThrowingDiscardingTaskGroup { group in
        for try await channel in channels {
          group.addTask {
            // Whoever breaks a connection off harms nobody else.
            try? await self.answer(on: channel)
          }
        }
      }
    }
  }

  private func answer(on channel: any Channel) async throws {
    let connection = try await channel.eventLoop.submit {
      let pipeline = channel.pipeline.syncOperations
      try pipeline.addHandler(
        IdleStateHandler(readTimeout: Self.patience, writeTimeout: Self.patience))
      try pipeline.addHandler(IdleCloser())
      try pipeline.configureHTTPServerPipeline(
        withPipeliningAssistance: true, withErrorHandling: true)
      try pipeline.addHandler(ResponseParts())
      return try Connection(wrappingChannelSynchronously: channel)
    }.get()
    try await connection.executeThenClose { requests, responses in
      try await channel.setOption(.autoRead, value: true).get()
      var head: HTTPRequestHead?
      for try await part in requests {
        switch part {
        case .head(let next): head = next
        // A body is nothing to us.
        case .body: break
        case .end:
          guard let request = head else { return }
          head = nil
          try await self.answer(request, to: responses)
          guard request.isKeepAlive else { return }
        }
      }
    }
  }

  private func answer(
    _ request: HTTPRequestHead,
    to responses: NIOAsyncChannelOutboundWriter<HTTPPart<HTTPResponseHead, ByteBuffer>>
  ) async throws {
    var status = HTTPResponseStatus.ok
    var type = PrometheusText.contentType
    var text = ""
    let path = request.uri.prefix { $0 != "?" }
    if request.method != .GET, request.method != .HEAD {
      (status, type, text) = (.methodNotAllowed, "text/plain", "only GET and HEAD\n")
    } else if path != "/metrics", path != "/" {
      (status, type, text) = (.notFound, "text/plain", "the metrics are at /metrics\n")
    } else {
      do {
        text = try await self.text()
      } catch {
        (status, type, text) = (.serviceUnavailable, "text/plain", "\(error)\n")
      }
    }
    let body = ByteBuffer(string: text)
    var headers = HTTPHeaders([
      ("Content-Type", type), ("Content-Length", "\(body.readableBytes)"),
    ])
    if status == .methodNotAllowed { headers.add(name: "Allow", value: "GET, HEAD") }
    if !request.isKeepAlive { headers.add(name: "Connection", value: "close") }
    try await responses.write(
      .head(HTTPResponseHead(version: .http1_1, status: status, headers: headers)))
    if request.method != .HEAD { try await responses.write(.body(body)) }
    try await responses.write(.end(nil))
  }
}

/// A connection that was one too many: it is closed.
private struct NoRoom: Error {}

/// The connections that are open.
private final class Crowd: Sendable {
  private let limit: Int
  private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

  init(limit: Int) { self.limit = limit }

  /// Takes a new connection in, until it closes. False where there is no room.
  func enter(_ channel: any Channel) -> Bool {
    let id = ObjectIdentifier(channel)
    let hasRoom = self.channels.withLock { channels in
      guard channels.count < self.limit else { return false }
      channels[id] = channel
      return true
    }
    if hasRoom {
      channel.closeFuture.whenComplete { _ in self.channels.withLock { $0[id] = nil } }
    }
    return hasRoom
  }

  /// Closes those that are left.
  func close() {
    for channel in self.channels.withLock({ Array($0.values) }) { channel.close(promise: nil) }
  }
}

/// Buffers to the parts that NIO's encoder takes.
private final class ResponseParts: ChannelOutboundHandler {
  typealias OutboundIn = HTTPPart<HTTPResponseHead, ByteBuffer>
  typealias OutboundOut = HTTPServerResponsePart

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    let part: HTTPServerResponsePart =
      switch self.unwrapOutboundIn(data) {
      case .head(let head): .head(head)
      case .body(let bytes): .body(.byteBuffer(bytes))
      case .end(let trailers): .end(trailers)
      }
    context.write(self.wrapOutboundOut(part), promise: promise)
  }
}

/// Closes a connection on which nothing happens.
private final class IdleCloser: ChannelInboundHandler {
  typealias InboundIn = NIOAny

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is IdleStateHandler.IdleStateEvent {
      context.close(promise: nil)
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }
}
