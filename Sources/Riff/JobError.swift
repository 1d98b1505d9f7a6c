/// Why a job failed, in the terms of a caller.
public struct JobError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Who is at fault; each is one gRPC status.
  public enum Kind: Sendable, Equatable {
    /// A field of the request, or the upload, is wrong. `field` is its name in `riff.proto`.
    case invalidArgument(field: String)
    /// What was named does not exist here.
    case notFound(field: String)
    /// The model's files are not usable as they are.
    case failedPrecondition
    /// Too much work is waiting already.
    case resourceExhausted
    /// Nobody takes what the job makes.
    case abandoned
    /// The fault is ours.
    case `internal`
  }

  /// A field that is wrong, and how.
  public struct Violation: Sendable, Equatable {
    /// A path from the request on, as `riff.proto` names fields: `spectrogram.power`.
    public var field: String
    /// What is wrong and what would be right: a sentence that names the field, or what follows its name
    /// and a colon.
    public var message: String
  }

  /// Who is at fault, and in which field.
  public var kind: Kind
  /// What was wrong and what would be right: a sentence that names the field, or what follows its
  /// name and a colon.
  public var message: String
  /// Further fields of the same request that are wrong.
  public var others: [Violation]
  /// Seconds after which it may go better.
  public var retryDelay: Double?

  /// `message` is about the field that `kind` names; `others` are the same request's.
  public init(_ kind: Kind, _ message: String, others: [Violation] = []) {
    self.kind = kind
    self.message = message
    self.others = others
  }

  /// The field at fault, where there is one.
  public var field: String? {
    switch self.kind {
    case .invalidArgument(let field), .notFound(let field): field
    case .failedPrecondition, .resourceExhausted, .abandoned, .internal: nil
    }
  }

  /// All fields at fault.
  public var violations: [Violation] {
    (self.field.map { [Violation(field: $0, message: self.message)] } ?? []) + self.others
  }

  public var description: String {
    guard self.field != nil else { return self.message }
    return self.violations.map {
      $0.message.contains($0.field) ? $0.message : "\($0.field): \($0.message)"
    }.joined(separator: "; ")
  }
}
