internal import GRPCCore
internal import NIOCore
internal import SwiftProtobuf

// The control payloads of framing.proto, to and from GRPCCore's types.

typealias ControlPayload = SwiftProtobuf.Message
typealias HeadersPayload = Riff_Framing_V1_Headers
typealias StatusPayload = Riff_Framing_V1_Status
typealias CancelPayload = Riff_Framing_V1_Cancel
typealias PingPayload = Riff_Framing_V1_Ping
typealias GoAwayPayload = Riff_Framing_V1_GoAway
typealias CreditPayload = Riff_Framing_V1_Credit
typealias Metadatum = Riff_Framing_V1_Metadatum

/// What framing.md, section 4, allows for HEADERS and STATUS.
enum MetadataLimit {
  static let payloadBytes = 65_536
  static let entries = 256
}

extension Frame {
  /// Reads the payload as a control message.
  func decode<Payload: SwiftProtobuf.Message>(
    _ type: Payload.Type
  ) throws(ProtocolViolation) -> Payload {
    do {
      return try Payload(serializedBytes: Array(self.payload.readableBytesView))
    } catch {
      throw ProtocolViolation(
        .protocolError, "the payload of \(self.kind) is not a \(Payload.protoMessageName)")
    }
  }

  init(_ kind: Kind, stream: StreamID, control: some SwiftProtobuf.Message) {
    // Encoding fails only for required fields and messages over 2 GiB; proto3 has no required
    // field, and whoever builds metadata has checked its size.
    let bytes: [UInt8] = (try? control.serializedBytes()) ?? []
    self.init(kind, stream: stream, payload: ByteBuffer(bytes: bytes))
  }

  static func credit(_ bytes: Int, stream: StreamID) -> Frame {
    Frame(
      .credit, stream: stream, control: CreditPayload.with { $0.bytes = UInt32(clamping: bytes) })
  }

  static func cancel(_ code: RPCError.Code, stream: StreamID) -> Frame {
    let code: RPCError.Code = code == .deadlineExceeded ? .deadlineExceeded : .cancelled
    return Frame(
      .cancel, stream: stream, control: CancelPayload.with { $0.code = UInt32(code.rawValue) })
  }

  static func goAway(
    lastStream: StreamID, reason: GoAwayPayload.Reason, message: String
  ) -> Frame {
    Frame(
      .goAway, stream: 0,
      control: GoAwayPayload.with {
        $0.lastStream = lastStream
        $0.reason = reason
        $0.message = message
      })
  }

  /// STATUS. Trailers that would break the limits of a payload are left out, and a message is cut,
  /// so that the code always arrives.
  static func status(_ status: Status, _ metadata: Metadata = [:], stream: StreamID) -> Frame {
    var payload = StatusPayload.with {
      $0.code = UInt32(clamping: status.code.rawValue)
      $0.message = status.message
    }
    if let entries = try? Metadatum.list(metadata) { payload.metadata = entries }
    let frame = Frame(.status, stream: stream, control: payload)
    if frame.payload.readableBytes <= MetadataLimit.payloadBytes { return frame }
    payload.metadata = []
    payload.message = String(decoding: payload.message.utf8.prefix(4096), as: UTF8.self)
    return Frame(.status, stream: stream, control: payload)
  }

  /// HEADERS; an error names the metadatum that cannot travel.
  static func headers(
    method: String, _ metadata: Metadata, stream: StreamID
  ) throws(RPCError) -> Frame {
    let entries = try Metadatum.list(metadata)
    let payload = HeadersPayload.with {
      $0.method = method
      $0.metadata = entries
    }
    let frame = Frame(.headers, stream: stream, control: payload)
    guard frame.payload.readableBytes <= MetadataLimit.payloadBytes else {
      throw RPCError(
        code: .resourceExhausted,
        message: "the metadata has \(frame.payload.readableBytes) bytes; "
          + "at most \(MetadataLimit.payloadBytes) can travel")
    }
    return frame
  }
}

extension Status {
  init(_ payload: StatusPayload) {
    let code = Status.Code(rawValue: Int(payload.code)) ?? .unknown
    self.init(code: code, message: payload.message)
  }

  init(_ error: RPCError) {
    self.init(code: Status.Code(error.code), message: error.message)
  }
}

extension RPCError {
  /// The error that a GO_AWAY of the peer means for its streams.
  init(_ payload: GoAwayPayload) {
    let code: RPCError.Code =
      payload.reason == .permissionDenied ? .permissionDenied : .unavailable
    let said = payload.message.isEmpty ? "no message" : payload.message
    self.init(code: code, message: "the peer has ended the connection: \(said)")
  }
}

extension GoAwayPayload.Reason {
  init(_ reason: ProtocolViolation.Reason) {
    switch reason {
    case .protocolError: self = .protocolError
    case .version: self = .version
    case .frameTooLarge: self = .frameTooLarge
    case .permissionDenied: self = .permissionDenied
    case .overloaded: self = .overloaded
    }
  }
}
