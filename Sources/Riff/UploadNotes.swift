import AudioIO
import Provenance

/// What a made file says of the file that it was made from.
struct UploadNotes {
  /// The name that the client gave; maybe empty.
  var name: String
  var fingerprint: Fingerprint
  /// How it was made itself, if riffd made it.
  var recipe: Recipe?

  /// Bytes that are read at a time.
  private static let piece = 1 << 20

  /// Reads all of the file once.
  ///
  /// - Throws: the rooms' errors, where it cannot be read.
  init(name: String, _ file: Upload) throws {
    guard let builder = Fingerprint.Builder() else {
      throw JobError(.resourceExhausted, "not enough memory for a fingerprint")
    }
    var place = 0
    while place < file.count {
      let bytes = try file.bytes(place..<min(place + Self.piece, file.count))
      guard !bytes.isEmpty else { break }
      builder.append(bytes)
      place += bytes.count
    }
    self.name = name
    self.fingerprint = builder.fingerprint()
    self.recipe = FileNotes(fileStart: try file.prefix(FileNotes.length))?.recipe
  }
}
