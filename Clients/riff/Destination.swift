import ArgumentParser
import RiffProtocol

/// Where a job's sound or picture goes, chosen by the file's extension.
enum Destination: Equatable {
  /// Ogg Opus on standard output, as it is made.
  case standardOutput
  /// `.opus`, `.ogg`
  case opus(path: String)
  /// `.wav`
  case wav(path: String, format: WAVFormat)
  /// `.png`, the spectrogram
  case picture(path: String)

  /// - Parameters:
  ///   - path: What `-o` says. "-" is standard output; `nil` is standard output when it is a pipe
  ///     or a file, else `fallback`.
  ///   - wavFormat: What a `.wav` holds.
  ///   - fallback: A file in the current folder.
  /// - Throws: `ValidationError` for another extension, or binary output to a terminal.
  init(path: String?, wavFormat: WAVFormat, fallback: @autoclosure () -> String) throws {
    guard let path else {
      self = Terminal.standardOutput.isInteractive ? .opus(path: fallback()) : .standardOutput
      return
    }
    if path == "-" {
      guard !Terminal.standardOutput.isInteractive else {
        throw ValidationError("standard output is a terminal; pipe it into a player: | mpv -")
      }
      self = .standardOutput
    } else if path.hasSuffix(".opus") || path.hasSuffix(".ogg") {
      self = .opus(path: path)
    } else if path.hasSuffix(".wav") {
      self = .wav(path: path, format: wavFormat)
    } else if path.hasSuffix(".png") {
      self = .picture(path: path)
    } else {
      throw ValidationError(
        "-o \(path): the extension decides; use .opus, .ogg or .wav for sound, .png for the "
          + "spectrogram")
    }
  }

  /// What to ask the daemon for.
  var outputFormat: Riff_V1_OutputFormat {
    switch self {
    case .standardOutput, .opus: .oggOpus
    case .wav(_, let format): format.outputFormat
    case .picture: .none
    }
  }
}
