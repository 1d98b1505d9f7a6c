internal import GRPCCore
internal import GRPCNIOTransportCore
internal import SwiftProtobuf

/// The parts of a request as standard gRPC brings them.
typealias GatewayRequests = RPCAsyncSequence<RPCRequestPart<GRPCNIOTransportBytes>, any Error>

/// A call as standard gRPC brings it.
typealias GatewayStream = RPCStream<
  GatewayRequests, RPCWriter<RPCResponsePart<GRPCNIOTransportBytes>>.Closable
>

extension RPCStream
where
  Inbound == GatewayRequests,
  Outbound == RPCWriter<RPCResponsePart<GRPCNIOTransportBytes>>.Closable
{
  /// Ends the call with an error's status; one that has ended already stays as it is.
  func end(_ error: any Error) async {
    let error =
      error as? RPCError ?? RPCError(code: .unavailable, message: "riff-grpc: \(error)")
    try? await self.outbound.write(
      .status(Status(code: Status.Code(error.code), message: error.message), error.metadata))
    await self.outbound.finish()
  }

  func end() async throws {
    try await self.outbound.write(.status(Status(code: .ok, message: ""), [:]))
    await self.outbound.finish()
  }

  func respond(_ message: some SwiftProtobuf.Message) async throws {
    let bytes: [UInt8] = try message.serializedBytes()
    try await self.outbound.write(.message(GRPCNIOTransportBytes(bytes)))
  }
}

extension GRPCNIOTransportBytes {
  /// - Throws: `RPCError` `invalidArgument`.
  func decode<Message: SwiftProtobuf.Message>(_ type: Message.Type) throws -> Message {
    do {
      return try Message(serializedBytes: self.withUnsafeBytes(Array.init))
    } catch {
      throw RPCError(
        code: .invalidArgument, message: "the request is not a \(type.protoMessageName)")
    }
  }
}
