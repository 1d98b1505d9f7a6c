import Synchronization

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
      return try await Self.reading({ try await file.nextPiece() }, call)
    } catch let failure as Failure where failure.asksForConversion {
      guard let conversion = try Conversion(file) else { throw failure }
      Terminal.standardError.write(
        "riff: \(file.name): the daemon does not decode it; converting it with ffmpeg\n")
      return try await Self.reading({ try conversion.next() }, call)
    }
  }

  /// Makes a call, and throws why a piece could not be read rather than that the call has ended for it.
  private static func reading<R>(
    _ next: @escaping Pieces, _ call: (_ pieces: @escaping Pieces) async throws -> R
  ) async throws -> R {
    let reason = Reason()
    do {
      return try await call {
        do {
          return try await next()
        } catch let failure as Failure {
          reason.failure.withLock { $0 = failure }
          throw failure
        }
      }
    } catch {
      throw reason.failure.withLock { $0 } ?? error
    }
  }

  private final class Reason: Sendable {
    let failure = Mutex<Failure?>(nil)
  }
}
