/// What an ``AnalyzeJob`` made.
public struct Analysis: Sendable {
  /// A PNG file, its parameters in EXIF.
  public var png: [UInt8]
  /// What of the audio file was damaged, missing or left out, a sentence each.
  public var warnings: [String]

  /// Gathers it from the job's events.
  ///
  /// - Throws: ``JobError``, or `CancellationError` when the task is cancelled.
  public init(_ events: JobEvents) async throws {
    var png: [UInt8]?
    var warnings: [String] = []
    for try await event in events {
      switch event {
      case .spectrogram(let bytes): png = bytes
      case .warning(let message): warnings.append(message)
      case .started, .progress, .audio, .changed, .done: break
      }
    }
    guard let png else { throw JobError(.internal, "the analysis ended without a picture") }
    self.png = png
    self.warnings = warnings
  }
}
