#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A sound file that ffmpeg turns into FLAC as it is read. The daemon never runs other programs.
final class Conversion: Sendable {
  private let name: String
  private let descriptor: Int32
  private let program: ChildProgram

  /// Starts ffmpeg; `nil` where there is none.
  ///
  /// - Throws: ``Failure`` when it cannot be started.
  init?(_ file: InputFile) throws {
    self.name = file.name
    // "file:": a name is never taken for an address.
    let arguments = [
      "ffmpeg", "-nostdin", "-v", "error", "-i", "file:" + (try file.readablePath()), "-map",
      "0:a:0", "-f", "flac", "-",
    ]
    let (reading, writing) = try ChildProgram.pipe()
    defer { close(writing) }
    do {
      guard let program = try ChildProgram(arguments, output: writing) else {
        close(reading)
        return nil
      }
      self.program = program
    } catch {
      close(reading)
      throw error
    }
    self.descriptor = reading
  }

  deinit {
    close(self.descriptor)
    self.program.end()
  }

  /// Whether ffmpeg is there, and finds sound in a file.
  static func reads(_ path: String) async throws -> Bool {
    let program = try ChildProgram([
      "ffmpeg", "-nostdin", "-v", "quiet", "-i", "file:" + path, "-map", "0:a:0", "-t", "0.1", "-f",
      "null", "-",
    ])
    return try await program?.ended() ?? false
  }

  /// The next piece; `nil` at the end.
  ///
  /// - Throws: ``Failure`` when ffmpeg has failed, so that half a sound is not taken for the whole.
  func next() throws -> Data? {
    var piece = Data(count: InputFile.pieceSize)
    while true {
      let count = piece.withUnsafeMutableBytes { read(self.descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        piece.removeLast(piece.count - count)
        return piece
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw Failure(file: "ffmpeg's output", "read", errno: errno)
      }
      guard self.program.wait() else {
        var failure = Failure(message: "ffmpeg cannot convert \(self.name)")
        failure.isOfUpload = true
        throw failure
      }
      return nil
    }
  }
}
