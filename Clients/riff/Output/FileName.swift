/// Names for files that the user did not name.
enum FileName {
  /// "Church bells, slow!" → "church-bells-slow"; at most 60 characters and 180 bytes.
  static func stem(prompt: String) -> String {
    var name = ""
    for character in prompt.lowercased() {
      if character.isLetter || character.isNumber {
        name.append(character)
      } else if name.last != "-", !name.isEmpty {
        name.append("-")
      }
      if name.count == 60 { break }
    }
    name = name.prefix(bytes: 180)
    while name.last == "-" { name.removeLast() }
    return name.isEmpty ? "riff" : name
  }

  /// A file's name without its folder; empty for standard input. What uploads are called.
  static func last(_ path: String) -> String {
    path == "-" ? "" : String(path.split(separator: "/").last ?? "").prefix(bytes: 1_024)
  }

  /// "folder/01. Intro.mp3" → "01. Intro", for a file in the current folder; at most 180 bytes.
  static func stem(path: String) -> String {
    guard path != "-", let name = path.split(separator: "/").last else { return "riff" }
    return Self.withoutExtension(String(name)).prefix(bytes: 180)
  }

  /// What comes before a path's extension: one to five letters and digits after the last dot, not
  /// digits alone.
  static func withoutExtension(_ path: String) -> String {
    guard let dot = path.lastIndex(of: "."), dot != path.startIndex,
      path[path.index(before: dot)] != "/"
    else { return path }
    let ext = path[path.index(after: dot)...]
    guard (1...5).contains(ext.count),
      ext.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) }),
      ext.contains(where: \.isLetter)
    else { return path }
    return String(path[..<dot])
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
