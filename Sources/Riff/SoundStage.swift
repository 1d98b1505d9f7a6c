import AudioIO
import Spectrogram

/// A picture's way to sound: phase recovery, level, 48 kHz, encoding; every part hands on what it
/// has, so the first page leaves while later columns are still pictures.
struct SoundStage {
  /// Rate of all audio that leaves riffd, in hertz.
  static let sampleRate = 48_000

  var output: OutputFormat
  /// What an Ogg Opus file says of itself.
  var comments: [OggOpusEncoder.Comment]
  /// Length to trim the sound to, in sample frames at 48 kHz; at most the picture's own.
  var sampleCount: Int
  var threads: Int

  /// Sample frames at 48 kHz in which `columns` columns sound.
  static func sampleCount(columns: Int, stepMilliseconds: Int) -> Int {
    columns * stepMilliseconds * (Self.sampleRate / 1_000)
  }

  /// Sends the picture's sound as audio events and returns how many channels it has.
  ///
  /// - Throws: the rooms' errors, `CancellationError`.
  func run(_ picture: SpectrogramPicture, _ context: JobContext) throws -> Int {
    try context.progress(.sound)
    let recovery = try PhaseRecoveryStream(picture, threads: self.threads)
    let channels = picture.channels
    let resampler = try StreamResampler(
      from: recovery.sampleRate, to: Self.sampleRate, channels: channels)
    let encoder = try self.makeEncoder(channels: channels)
    var level = LevelControl(picture)
    var limiter = PeakLimiter(channels: channels)
    let hop = recovery.sampleRate * picture.parameters.stepMilliseconds / 1_000
    var remaining = self.sampleCount

    func encode(_ samples: [[Float]]) throws {
      let count = min(samples.first?.count ?? 0, remaining)
      guard count > 0 else { return }
      remaining -= count
      try self.send(encoder.append(samples.map { Array($0.prefix(count)) }), context)
    }

    while remaining > 0, var samples = try recovery.next(check: context.checkCancellation) {
      level.apply(to: &samples, hop: hop)
      try encode(limiter.process(resampler.append(samples)))
      try context.progress(
        .sound, secondsDone: Double(self.sampleCount - remaining) / Double(Self.sampleRate))
    }
    try encode(limiter.process(resampler.finish()))
    try encode(limiter.finish())
    try self.send(encoder.finish(), context)
    return channels
  }

  private func makeEncoder(channels: Int) throws -> any AudioStreamEncoder {
    switch self.output {
    case .oggOpus(let bitrate):
      try OggOpusEncoder(
        channels: channels, bitrate: bitrate ?? (channels == 1 ? 96_000 : 160_000),
        comments: self.comments, serialNumber: UInt32.random(in: .min ... .max))
    case .pcmFloat32, .none:
      try PCMFloat32Encoder(channels: channels)
    }
  }

  private func send(_ bytes: [UInt8], _ context: JobContext) throws {
    if !bytes.isEmpty { try context.send(.audio(bytes)) }
  }
}
