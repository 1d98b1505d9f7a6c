/// What a connection keeps a server busy with.
package struct ConnectionLoad: Hashable, Sendable {
  /// Calls that have not ended, or whose handlers have not returned.
  package var streams = 0
  /// Bytes of their requests that are held: HEADERS, incomplete messages, and those not taken.
  package var heldBytes = 0
}
