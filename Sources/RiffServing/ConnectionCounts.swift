/// What a transport has open, and how much of it there may be.
public struct ConnectionCounts: Sendable {
  public var connections = 0
  public var connectionsLimit = 0
  /// Calls at once on a connection.
  public var streamsLimit = 0

  public init() {}

  public init(connections: Int, connectionsLimit: Int, streamsLimit: Int) {
    self.connections = connections
    self.connectionsLimit = connectionsLimit
    self.streamsLimit = streamsLimit
  }
}
