/// What a job's sound is sent as, at 48 kHz.
public enum OutputFormat: Sendable, Equatable {
  /// Ogg Opus, at so many bits per second for all channels together; `nil` chooses 96,000 for mono
  /// and 160,000 for stereo.
  case oggOpus(bitrate: Int?)
  /// Interleaved little-endian 32-bit float.
  case pcmFloat32
  /// Interleaved little-endian signed 24-bit integers.
  case pcmSigned24
  /// A WAV file. Its head says "to the end" for a length until ``AudioStreamEncoder/finalHead`` knows it.
  case wav(SampleFormat)
  /// 16 or 24 bits; FLAC has no floats.
  case flac(SampleFormat)
  /// At so many bits per second; `nil` chooses 128,000 for mono and 192,000 for stereo.
  case mp3(bitrate: Int?)

  /// Rate of all sound that is encoded, in hertz.
  public static let sampleRate = 48_000

  /// Bits per second where none are chosen.
  public static func opusBitrate(channels: Int) -> Int { channels == 1 ? 96_000 : 160_000 }
  /// Bits per second where none are chosen.
  public static func mp3Bitrate(channels: Int) -> Int { channels == 1 ? 128_000 : 192_000 }

  /// The encoder of a stream.
  ///
  /// - Parameters:
  ///   - channels: 1 or 2.
  ///   - comments: what the file says of itself; PCM has no place for it.
  ///   - inputSampleRate: of the sound before it was brought to 48 kHz, in hertz, to be shown.
  ///   - serialNumber: of the Ogg stream.
  ///   - loop: of a sound that is repeated, what lies around it.
  /// - Throws: `invalidParameter`, `codecFailed`.
  public func makeEncoder(
    channels: Int, comments: [AudioComment], inputSampleRate: Int, serialNumber: UInt32,
    loop: LoopEnds? = nil
  ) throws(AudioIOError) -> any AudioStreamEncoder {
    switch self {
    case .oggOpus(let bitrate):
      try OggOpusEncoder(
        channels: channels, bitrate: bitrate ?? Self.opusBitrate(channels: channels),
        comments: comments, inputSampleRate: inputSampleRate, serialNumber: serialNumber,
        loop: loop)
    case .pcmFloat32: try PCMFloat32Encoder(channels: channels)
    case .pcmSigned24: try PCMSigned24Encoder(channels: channels)
    case .wav(let format):
      try WAVEncoder(channels: channels, format: format, comments: comments)
    case .flac(let format):
      try FLACEncoder(channels: channels, format: format, comments: comments)
    case .mp3(let bitrate):
      try MP3Encoder(
        channels: channels, bitrate: bitrate ?? Self.mp3Bitrate(channels: channels),
        comments: comments)
    }
  }
}
