/// gRPC calls over a Unix-domain socket in the framing that `Protocol/framing.md` specifies.
///
/// ``Client`` and ``Server`` are transports for GRPCCore's `GRPCClient` and `GRPCServer`; generated
/// stubs and services run on them unchanged. Many calls share one connection, each with its own
/// credit, so that a slow reader holds back only its own call. No call ends without a status: a lost
/// connection is `unavailable`, a cancelled call `cancelled`, an expired one `deadlineExceeded`, and
/// the server's handler is told in all three.
///
/// ```swift
/// let place = try SocketPlace.claim("/run/user/1000/riffd.sock")
/// let server = GRPCServer(
///   transport: FramedTransport.Server(place: place), services: [service])
/// try await server.serve()
/// ```
public enum FramedTransport {
  /// The version of the framing that this package speaks.
  package static let version = Preface(major: 1, minor: 0)
}
