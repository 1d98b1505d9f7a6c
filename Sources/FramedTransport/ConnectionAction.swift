package import GRPCCore

/// Why the server's handler was told to stop.
public enum CancellationCause: Hashable, Sendable {
  /// The client sent CANCEL.
  case cancelledByClient
  /// The call's deadline has passed.
  case deadlineExceeded
  /// The connection is gone.
  case connectionLost
  /// The server's grace period has ended.
  case shuttingDown
  /// The client broke a rule of the framing on this call.
  case protocolError
  /// All requests together held more than the server keeps, and this one the most.
  case inputLimit
}

/// A call that a client has opened.
package struct IncomingCall: Hashable, Sendable {
  package var method: MethodDescriptor
  /// Without `grpc-timeout`.
  package var metadata: Metadata
  package var timeout: Duration?

  package init(method: MethodDescriptor, metadata: Metadata, timeout: Duration?) {
    self.method = method
    self.metadata = metadata
    self.timeout = timeout
  }
}

/// What reaches the reader of a stream.
package enum InboundPart: Hashable, Sendable {
  case metadata(Metadata)
  case message([UInt8])
  case status(Status, Metadata)
}

/// What ``ConnectionStateMachine`` wants done, in this order.
package enum ConnectionAction: Hashable, Sendable {
  /// Write the frame.
  case send(Frame)
  /// Server: start a handler for a new call.
  case start(StreamID, IncomingCall)
  /// Run a timer; when it ends, report ``ConnectionStateMachine/deadlinePassed(_:)``.
  case startTimer(StreamID, Duration)
  /// Hand a part to the stream's reader.
  case deliver(StreamID, InboundPart)
  /// Client: the server has never seen the call, which may be made again on another connection. Comes before
  /// the writers and the reader get their errors.
  case unseen(StreamID, UnseenCall)
  /// The reader gets no more: an error, or the regular end of the requests (server) or after the
  /// status (client).
  case finish(StreamID, RPCError?)
  /// Server: tell the handler to stop.
  case cancelHandler(StreamID, CancellationCause)
  /// Tell a writer that its message is on its way, or why it is not.
  case completeWrite(WriteID, RPCError?)
  /// Nothing more comes from the stream: forget it.
  case forget(StreamID)
  /// Client: open no further stream here.
  case retire
  /// Close when everything sent has been flushed.
  case close
}
