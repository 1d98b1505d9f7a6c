internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2
internal import Synchronization

/// Stands first in the channel of each HTTP/2 stream.
///
/// The transport does not say which connection a call came on, so each call's HEADERS get the number of
/// theirs. And it cancels its calls as soon as an orderly end begins; here they go on.
final class ConnectionMark: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTP2Frame.FramePayload
  typealias InboundOut = HTTP2Frame.FramePayload

  /// The metadata key; clients cannot set it.
  static let key = "riff-grpc-connection"

  private let number: UInt64

  init(_ number: UInt64) {
    self.number = number
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var payload = Self.unwrapInboundIn(data)
    if case .headers(var headers) = payload {
      headers.headers.remove(name: Self.key)
      headers.headers.add(name: Self.key, value: "\(self.number)")
      payload = .headers(headers)
    }
    context.fireChannelRead(Self.wrapInboundOut(payload))
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is ChannelShouldQuiesceEvent { return }
    context.fireUserInboundEventTriggered(event)
  }
}

/// Numbers connections, and tells when one has begun and closed.
final class ConnectionNumbers: Sendable {
  private struct State {
    var numbers: [ObjectIdentifier: UInt64] = [:]
    var last: UInt64 = 0
  }

  private let state = Mutex(State())
  private let opened: @Sendable (UInt64) -> Void
  private let closed: @Sendable (UInt64) -> Void

  init(
    opened: @escaping @Sendable (_ number: UInt64) -> Void,
    closed: @escaping @Sendable (_ number: UInt64) -> Void
  ) {
    self.opened = opened
    self.closed = closed
  }

  /// Event loop of the connection: the number of its channel; the same until it closes.
  func number(of channel: any Channel) -> UInt64 {
    let id = ObjectIdentifier(channel)
    let (number, isNew) = self.state.withLock { state in
      if let number = state.numbers[id] { return (number, false) }
      state.last += 1
      state.numbers[id] = state.last
      return (state.last, true)
    }
    if isNew {
      self.opened(number)
      channel.closeFuture.whenComplete { _ in
        self.state.withLock { $0.numbers[id] = nil }
        self.closed(number)
      }
    }
    return number
  }
}
