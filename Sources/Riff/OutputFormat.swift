/// What a job's audio events hold.
public enum OutputFormat: Sendable, Equatable {
  /// Ogg Opus, 48 kHz, at so many bits per second for all channels together; `nil` chooses 96,000
  /// for mono and 160,000 for stereo.
  case oggOpus(bitrate: Int?)
  /// Interleaved little-endian 32-bit float, 48 kHz.
  case pcmFloat32
  /// Interleaved little-endian signed 24-bit integers, 48 kHz.
  case pcmSigned24
  /// No sound at all: the spectrogram only.
  case none
}
