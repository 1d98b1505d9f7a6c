/// What a stream in Ogg holds, by its first packet.
enum OggCodec: Equatable {
  case vorbis, opus, flac
  /// Recognised, not decoded here.
  case other(String)
  case unknown

  init(_ packet: [UInt8]) {
    func has(_ text: String, at place: Int = 0) -> Bool {
      packet.dropFirst(place).starts(with: text.utf8)
    }
    if has("\u{1}vorbis") {
      self = .vorbis
    } else if has("OpusHead") {
      self = .opus
    } else if has("FLAC", at: 1), packet[0] == 0x7F {
      self = .flac
    } else if has("fLaC") {
      self = .other("FLAC in the form before its Ogg mapping")
    } else if has("Speex   ") {
      self = .other("Speex")
    } else if has("theora", at: 1), packet[0] == 0x80 {
      self = .other("Theora video")
    } else if has("BBCD") {
      self = .other("Dirac video")
    } else if has("OVP80") {
      self = .other("VP8 video")
    } else if has("CELT    ") {
      self = .other("CELT")
    } else if has("PCM     ") {
      self = .other("OggPCM")
    } else if has("kate", at: 1), packet[0] == 0x80 {
      self = .other("Kate subtitles")
    } else {
      // Ogg Skeleton ("fishead") says what others hold, and is none itself.
      self = .unknown
    }
  }

  /// Empty where it is not known.
  var name: String {
    switch self {
    case .vorbis: "Vorbis"
    case .opus: "Opus"
    case .flac: "FLAC"
    case .other(let name): name
    case .unknown: ""
    }
  }

  var isDecoded: Bool { self == .vorbis || self == .opus || self == .flac }
}
