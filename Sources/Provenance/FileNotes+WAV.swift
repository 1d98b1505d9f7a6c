extension FileNotes {
  private static let names = ["INAM": "title", "ICMT": "comment", "ISFT": "software"]

  /// The INFO list among a WAV file's chunks (Multimedia Programming Interface 1.0, 1991).
  mutating func readWAV(_ chunks: ArraySlice<UInt8>) {
    var reader = Bytes(chunks)
    while let kind = reader.code(4), let length = reader.littleEndian(4) {
      let content = reader.takeUpTo(length + length % 2)
      guard kind == "LIST", content.starts(with: "INFO".utf8) else { continue }
      var entries = Bytes(content.dropFirst(4))
      while let name = entries.code(4), let length = entries.littleEndian(4),
        let text = entries.take(length)
      {
        _ = entries.takeUpTo(length % 2)
        let value = String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
        add(Self.names[name] ?? name, value)
        if name == "ICMT" { readLines(value) }
      }
    }
  }

  /// Lines `KEY=value`, in which a backslash stands before a backslash, and before the "n" that
  /// stands for a line break: what a WAV file's comment has of the keys that INFO does not know.
  private mutating func readLines(_ comment: String) {
    for line in comment.unicodeScalars.split(separator: "\n").map({ String($0) })
    where line.hasPrefix(Recipe.prefix) {
      guard let equals = line.firstIndex(of: "=") else { continue }
      var value = ""
      var isEscaped = false
      for scalar in line[line.index(after: equals)...].unicodeScalars {
        if isEscaped {
          value.unicodeScalars.append(scalar == "n" ? "\n" : scalar)
          isEscaped = false
        } else if scalar == "\\" {
          isEscaped = true
        } else {
          value.unicodeScalars.append(scalar)
        }
      }
      add(String(line[..<equals]), value)
    }
  }
}
