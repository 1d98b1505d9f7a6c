/// Why a job failed, in the terms of a caller.
public struct JobError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    /// A field of the request, or the upload, is wrong. `field` is its name in `riff.proto`.
    case invalidArgument(field: String)
    /// What was named does not exist here.
    case notFound(field: String)
    /// The model's files are not usable as they are.
    case failedPrecondition
    /// Too much work is waiting already.
    case resourceExhausted
    /// The fault is ours.
    case `internal`
  }

  public var kind: Kind
  /// What was wrong and what would be right: a sentence that names the field, or what follows its
  /// name and a colon.
  public var message: String

  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  public var description: String {
    switch self.kind {
    case .invalidArgument(let field), .notFound(let field):
      self.message.contains(field) ? self.message : "\(field): \(self.message)"
    case .failedPrecondition, .resourceExhausted, .internal: self.message
    }
  }
}
