public import GRPCCore

extension FramedTransport {
  /// How many bytes a received message may have, by method.
  ///
  /// A message over its limit ends its call as `resourceExhausted` while its fragments still arrive;
  /// no more than the limit is ever held.
  public struct MessageLimits: Sendable, Hashable {
    /// The limit of every method without one of its own, in bytes.
    public var standard: Int

    private var exceptions: [MethodPath: Int] = [:]

    /// - Parameter standard: The limit of every method without one of its own, in bytes.
    public init(standard: Int) {
      self.standard = standard
    }

    /// The limit of one method, in bytes.
    public subscript(method: MethodDescriptor) -> Int {
      get { self[MethodPath(method)] }
      set { self.exceptions[MethodPath(method)] = newValue }
    }

    subscript(path: MethodPath) -> Int {
      self.exceptions[path] ?? self.standard
    }
  }
}
