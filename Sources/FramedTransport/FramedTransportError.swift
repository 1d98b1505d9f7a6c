/// What is wrong with a socket's place, in words a person can act on.
///
/// Calls fail with GRPCCore's `RPCError`; this is for what comes before there are calls.
public struct FramedTransportError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of obstacle it is, for a program that wants to act on it.
  public enum Code: Hashable, Sendable {
    /// No socket can have this path.
    case invalidPath
    /// The directory is missing, or not a real directory of the right user, group and mode.
    case unsafeDirectory
    /// There is no such group.
    case unknownGroup
    /// Another process holds the place; its id, if it is known.
    case alreadyHeld(by: Int32?)
    /// Something that is not a stale socket stands at the path.
    case occupied
    /// A socket that a service manager handed over is not at its path any more.
    case vanished
    /// The operating system refused.
    case system
  }

  /// What kind of obstacle it is.
  public var code: Code
  /// What was wrong and what would be right.
  public var message: String

  /// `message` is a whole sentence: nothing is put before it.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { self.message }
}
