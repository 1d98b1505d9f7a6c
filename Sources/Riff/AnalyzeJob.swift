import AudioIO
import Spectrogram

/// An audio file to a spectrogram picture.
public struct AnalyzeJob: Job {
  /// A WAV, FLAC, MP3, Ogg Vorbis, Ogg Opus or AIFF file.
  public var file: [UInt8]
  /// Set parameters take the place of riffusion's; an unset sample rate is the file's own.
  public var spectrogram = SpectrogramOverrides()

  /// Largest audio file, in bytes.
  public static let sizeLimit = 256 << 20

  public init(file: [UInt8]) {
    self.file = file
  }

  var method: String { "Analyze" }
  var title: String { "" }

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    try context.progress(.decoding)
    let clip = try AudioDecoder.decode(
      self.file, limits: AudioDecoder.Limits(bytes: Self.sizeLimit))
    try context.checkCancellation()
    let parameters = self.spectrogram.applied(
      to: SpectrogramParameters(sampleRate: clip.sampleRate))
    try parameters.validate()
    let sound = try StreamResampler.resample(clip, to: parameters.sampleRate)
    let analyzer = try SpectrogramAnalyzer(parameters, threads: studio.threads)
    let mel = try analyzer.analyze(sound.channels, check: context.checkCancellation)
    try context.send(.spectrogram(SpectrogramPicture(mel, parameters: parameters).png()))
    return JobSummary()
  }
}
