#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A file on its way to the daemon, as it is or as ffmpeg converts it.
enum SoundUpload {
  /// Gives the next piece of a file; `nil` at its end.
  typealias Pieces = @Sendable () async throws -> Data?

  /// Makes a call with a file's pieces; where the daemon says that it does not decode such files and ffmpeg
  /// is installed, says so and makes the call again with what ffmpeg makes of the file.
  static func send<R>(
    _ file: InputFile, _ call: (_ pieces: @escaping Pieces) async throws -> R
  ) async throws -> R {
    do {
      return try await call { try await file.nextPiece() }
    } catch let failure as Failure where failure.asksForConversion {
      guard let conversion = try Conversion(file) else { throw failure }
      Terminal.standardError.write(
        "riff: \(file.name): the daemon does not decode it; converting it with ffmpeg\n")
      return try await call { try conversion.next() }
    }
  }
}
