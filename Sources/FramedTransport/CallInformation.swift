public import GRPCCore

extension FramedTransport {
  /// What ``Server`` tells a handler beyond GRPCCore's own context: the value of
  /// `ServerContext.transportSpecific`.
  public struct CallInformation: ServerContext.TransportSpecific {
    /// The process at the other end, as the kernel knows it.
    public let peer: PeerCredentials?
    /// When the call's deadline passes, if it has one. The server keeps it by itself; `grpc-timeout` is
    /// not among the request's metadata.
    public let deadline: ContinuousClock.Instant?
    private let endpoint: StreamEndpoint

    init(peer: PeerCredentials?, deadline: ContinuousClock.Instant?, endpoint: StreamEndpoint) {
      self.peer = peer
      self.deadline = deadline
      self.endpoint = endpoint
    }

    /// Why the handler was told to stop, or nil if it was not. Whatever the handler answers then, the
    /// client has the status that belongs to the cause.
    public var cancellationCause: CancellationCause? { self.endpoint.cause }
  }
}
