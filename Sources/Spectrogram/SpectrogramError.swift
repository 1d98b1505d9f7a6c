/// What is wrong with a picture, its EXIF, its parameters or a sound to be pictured.
public struct SpectrogramError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is at fault: each calls for something else of whoever asked.
  public enum Kind: Sendable {
    /// A parameter is out of its range.
    case invalidParameter
    /// The picture is neither PNG nor JPEG, or is damaged.
    case invalidPicture
    /// The EXIF data cannot be read.
    case invalidEXIF
    /// The samples cannot be analysed.
    case invalidAudio
    /// The input is larger than the limit.
    case tooLarge
    /// The machine has no memory left for it.
    case outOfMemory
  }

  /// What is at fault, to decide what to do about it.
  public let kind: Kind

  /// The parameter, EXIF tag or input that is wrong, by the name its user knows it by.
  public let field: String

  /// What is wrong and what would be right: a sentence that names the field, or what follows its name
  /// and a colon.
  public let message: String

  package init(_ kind: Kind, field: String, _ message: String) {
    self.kind = kind
    self.field = field
    self.message = message
  }

  public var description: String { message.contains(field) ? message : "\(field): \(message)" }
}
