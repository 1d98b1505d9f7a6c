/// What is wrong with an upload, or with sound on its way out.
public struct AudioIOError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What kind of fault it is: each calls for something else of whoever asked.
  public enum Kind: Sendable {
    /// The bytes are not an audio file that can be read here.
    case unsupportedFormat
    /// The bytes claim a format that can be read, but are damaged.
    case damagedFile
    /// The file or the sound is larger than the limit.
    case tooLarge
    /// A parameter is out of its range.
    case invalidParameter
    /// Samples are not finite, or their channels differ in length.
    case invalidSamples
    /// A codec refused for a reason of its own.
    case codecFailed
    /// A codec got no memory.
    case outOfMemory
    /// The file's bytes cannot be read from where they are kept.
    case inputFailed
  }

  /// Which fault it is, to decide what to do about it.
  public let kind: Kind

  /// The parameter or input that is wrong, by the name its user knows it by.
  public let field: String

  /// What is wrong and what would be right: a sentence that names the field, or what follows its name
  /// and a colon.
  public let message: String

  package init(_ kind: Kind, field: String, _ message: String) {
    self.kind = kind
    self.field = field
    self.message = message
  }

  /// A file of a known kind that is not decoded here, with the way to convert it.
  static func unsupported(_ name: String, fileExtension: String) -> AudioIOError {
    AudioIOError(
      .unsupportedFormat, field: "audio",
      "this is \(name), which is not decoded here; convert it: "
        + "ffmpeg -i input.\(fileExtension) -vn output.flac")
  }

  public var description: String { message.contains(field) ? message : "\(field): \(message)" }
}
