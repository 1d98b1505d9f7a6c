import RiffProtocol

/// What a file or a stream of ours holds.
enum MediaFormat: String {
  case opus, wav, flac, mp3, png

  /// By the extension of a file's name, in any case.
  init?(fileName: String) {
    let name = fileName.split(separator: "/").last ?? ""
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return nil }
    let ext = name[name.index(after: dot)...].lowercased()
    guard let format = ext == "ogg" ? .opus : MediaFormat(rawValue: ext) else { return nil }
    self = format
  }

  var isSound: Bool { self != .png }

  /// As messages call it.
  var name: String {
    switch self {
    case .opus: "Ogg Opus"
    case .wav, .flac, .mp3, .png: self.rawValue.uppercased()
    }
  }

  /// What to ask the daemon for.
  var outputFormat: Riff_V1_OutputFormat {
    switch self {
    case .opus: .oggOpus
    case .wav: .wav
    case .flac: .flac
    case .mp3: .mp3
    case .png: .none
    }
  }
}
