/// What a transport has open, and how much of it there may be.
public struct ConnectionCounts: Sendable {
  /// Open now.
  public var connections = 0
  /// Open at once, at most.
  public var connectionsLimit = 0
  /// Calls at once on a connection.
  public var streamsLimit = 0

  /// Of a transport that does not count: zeros.
  public init() {}

  /// What `Status` tells of the transport.
  public init(connections: Int, connectionsLimit: Int, streamsLimit: Int) {
    self.connections = connections
    self.connectionsLimit = connectionsLimit
    self.streamsLimit = streamsLimit
  }
}
