/// What a job tells its listener, in the order that `Protocol/riff.proto` promises: what is about to be
/// made, progress and warnings at any time, at most one spectrogram before the first audio, then audio, and one
/// ``done(_:)`` at the end of every job that succeeds.
public enum JobEvent: Sendable {
  /// The first of a job, but for progress while it waits.
  case started(JobStart)
  /// Another stage has begun, or a step of it is done.
  case progress(JobProgress)
  /// A PNG file.
  case spectrogram([UInt8])
  /// A PNG file of a part of a long piece, and the column of the piece at which it begins.
  case windowPicture([UInt8], firstColumn: Int)
  /// Bytes of the output format: whole Ogg pages, or whole PCM sample frames.
  case audio([UInt8])
  /// Something the user should know that does not stop the job.
  case warning(String)
  /// From where a jam's change is heard, before the audio of that sample frame.
  case changed(id: UInt32, sample: Int)
  /// The last of a job that succeeds; one that fails throws instead.
  case done(JobSummary)

  /// Bytes that the event keeps in memory while it waits to be taken.
  var payloadBytes: Int {
    switch self {
    case .spectrogram(let bytes), .audio(let bytes), .windowPicture(let bytes, _): bytes.count
    case .started, .progress, .warning, .changed, .done: 0
    }
  }
}
