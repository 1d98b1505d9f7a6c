/// What went wrong in this room, and what would have been right.
public struct DiffusionError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Who is at fault: the request, the checkpoint, the machine or this library.
  public enum Kind: Sendable, Hashable {
    /// A field of the request is out of its range; named as in ``DiffusionRequest``, in snake case.
    case invalidArgument(field: String)
    /// A file of the checkpoint is missing, damaged or of an unsupported kind.
    case checkpoint(file: String, tensor: String?)
    /// Memory that the work needs cannot be had.
    case outOfMemory
    /// A file of the checkpoint was written to after it had been opened; open the checkpoint anew.
    case changed(file: String)
    /// The job was cancelled; whoever advances a session gets a `CancellationError` instead.
    case interrupted
    /// The work failed although the request was right.
    case `internal`
  }

  /// Who is at fault, and in which field or file.
  public let kind: Kind
  /// A sentence for the person who asked.
  public let message: String

  /// `message` is a whole sentence: nothing is put before it.
  public init(kind: Kind, message: String) {
    self.kind = kind
    self.message = message
  }

  public var description: String { message }

  /// `message` goes on after the field's name: "must be 1 to 1000, not 0".
  static func invalid(_ field: String, _ message: String) -> DiffusionError {
    DiffusionError(kind: .invalidArgument(field: field), message: "\(field) \(message)")
  }

  static func checkpoint(
    _ file: String, tensor: String? = nil, _ message: String
  ) -> DiffusionError {
    let place = tensor.map { "\(file): tensor \($0)" } ?? file
    return DiffusionError(
      kind: .checkpoint(file: file, tensor: tensor), message: "\(place): \(message)")
  }

  static let interrupted = DiffusionError(kind: .interrupted, message: "the work was stopped")

  static func outOfMemory(_ message: String) -> DiffusionError {
    DiffusionError(kind: .outOfMemory, message: message)
  }

  static func `internal`(_ message: String) -> DiffusionError {
    DiffusionError(kind: .internal, message: message)
  }
}
