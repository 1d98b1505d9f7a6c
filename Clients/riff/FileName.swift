/// Names for files that the user did not name.
enum FileName {
  /// "Church bells, slow!" → "church-bells-slow.opus"; at most 60 characters before the extension.
  static func from(prompt: String, extension ext: String) -> String {
    var name = ""
    for character in prompt.lowercased() {
      if character.isLetter || character.isNumber {
        name.append(character)
      } else if name.last != "-", !name.isEmpty {
        name.append("-")
      }
      if name.count == 60 { break }
    }
    while name.last == "-" { name.removeLast() }
    return "\(name.isEmpty ? "riff" : name).\(ext)"
  }

  /// A file's name without its folder; empty for standard input. What uploads are called.
  static func last(_ path: String) -> String {
    path == "-" ? "" : String(path.split(separator: "/").last ?? "").prefix(bytes: 1_024)
  }

  /// "folder/song.mp3" → "song.png", in the current folder.
  static func from(path: String, extension ext: String) -> String {
    let file = path.split(separator: "/").last.map(String.init) ?? "riff"
    let stem = file.split(separator: ".").first.map(String.init) ?? file
    return "\(path == "-" ? "riff" : stem).\(ext)"
  }
}

extension String {
  /// As many whole characters from the start as fit.
  fileprivate func prefix(bytes: Int) -> String {
    var count = 0
    return String(
      self.prefix { character in
        count += character.utf8.count
        return count <= bytes
      })
  }
}
