internal import NIOCore

/// ``FrameReader`` as a NIO decoder. (NIOExtras' length-field decoder has no limit below 2 GiB.)
struct FrameDecoder: ByteToMessageDecoder {
  typealias InboundOut = FrameReader.Unit

  private var reader = FrameReader()

  mutating func decode(
    context: ChannelHandlerContext, buffer: inout ByteBuffer
  ) throws -> DecodingState {
    guard let unit = try self.reader.next(from: &buffer) else { return .needMoreData }
    context.fireChannelRead(Self.wrapInboundOut(unit))
    return .continue
  }

  mutating func decodeLast(
    context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
  ) throws -> DecodingState {
    // An incomplete frame at the end is dropped: the end itself is reported as a lost connection.
    try self.decode(context: context, buffer: &buffer)
  }
}
