/// What the first bytes of a file say it is.
package enum AudioFormat: Equatable, Sendable {
  /// Read here.
  case wav, flac, mp3, ogg, aiff
  /// Recognised, not read here: what it is, and the extension such files usually have.
  case unsupported(name: String, fileExtension: String)
  /// Notes to be played, no sound.
  case midi
  case picture
  case unknown

  package init(detecting bytes: [UInt8]) {
    func has(_ text: String, at place: Int = 0) -> Bool {
      bytes.dropFirst(place).starts(with: text.utf8)
    }
    func starts(_ values: UInt8...) -> Bool { bytes.starts(with: values) }

    if has("RIFF") || has("RIFX") || has("RF64") {
      if has("WAVE", at: 8) {
        self = .wav
      } else if has("AVI ", at: 8) {
        self = .unsupported(name: "an AVI video", fileExtension: "avi")
      } else {
        self = .unknown
      }
    } else if has("fLaC") {
      self = .flac
    } else if has("OggS") {
      self = .ogg
    } else if has("FORM"), has("AIFF", at: 8) || has("AIFC", at: 8) {
      self = .aiff
    } else if has("ftypavif", at: 4) || has("ftyphei", at: 4) {
      self = .picture
    } else if has("ftyp", at: 4) {
      self =
        has("M4A", at: 8)
        ? .unsupported(name: "MPEG-4 audio (M4A)", fileExtension: "m4a")
        : .unsupported(name: "an MPEG-4 file (MP4, MOV)", fileExtension: "mp4")
    } else if starts(0x1A, 0x45, 0xDF, 0xA3) {
      self = .unsupported(name: "a Matroska file (WebM, MKV)", fileExtension: "webm")
    } else if starts(0x30, 0x26, 0xB2, 0x75) {
      self = .unsupported(name: "Windows Media (WMA, ASF)", fileExtension: "wma")
    } else if has("FLV") {
      self = .unsupported(name: "a Flash video", fileExtension: "flv")
    } else if has("#!AMR") {
      self = .unsupported(name: "AMR speech", fileExtension: "amr")
    } else if has("caff") {
      self = .unsupported(name: "a Core Audio file (CAF)", fileExtension: "caf")
    } else if has("MThd") {
      self = .midi
    } else if starts(0x89, 0x50, 0x4E, 0x47) || starts(0xFF, 0xD8, 0xFF) {
      self = .picture
    } else if has("ID3") {
      // FLAC files may carry an ID3 tag before their own mark, ten bytes and as many as it says.
      let size = bytes.dropFirst(6).prefix(4).reduce(0) { $0 << 7 | Int($1 & 0x7F) }
      self = has("fLaC", at: 10 + size) ? .flac : .mp3
    } else if bytes.count >= 2, bytes[0] == 0xFF, bytes[1] & 0xE0 == 0xE0 {
      // Layer bits 00 are not an MPEG audio layer but AAC's ADTS.
      self =
        bytes[1] & 0x06 == 0
        ? .unsupported(name: "AAC (ADTS)", fileExtension: "aac") : .mp3
    } else {
      self = .unknown
    }
  }

  /// What the file is, where it holds sound; nil where it does not, or where nobody can tell.
  package var soundName: String? {
    switch self {
    case .wav: "a WAV file"
    case .flac: "a FLAC file"
    case .mp3: "an MP3 file"
    case .ogg: "an Ogg file"
    case .aiff: "an AIFF file"
    case .unsupported(let name, _): name
    case .midi, .picture, .unknown: nil
    }
  }
}
