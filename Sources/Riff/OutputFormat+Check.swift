import AudioIO

extension OutputFormat {
  /// Notes bit rates that the format does not have.
  func check(_ faults: inout RequestFaults) {
    switch self {
    case .oggOpus(let bitrate): faults.check("opus.bitrate", bitrate, RequestLimits.opusBitrate)
    case .mp3(let bitrate?):
      guard !MP3Encoder.bitrates.contains(bitrate) else { return }
      let rates = MP3Encoder.bitrates.map(String.init).joined(separator: ", ")
      faults.add("mp3.bitrate", "mp3.bitrate must be one of \(rates), not \(bitrate)")
    case .mp3, .pcmFloat32, .pcmSigned24, .wav, .flac: return
    }
  }
}
