import ArgumentParser

/// A command line that cannot be read, told in our words.
struct UsageError {
  /// What was wrong and what would be right, and where to read more.
  let message: String

  /// - Parameters:
  ///   - error: What ArgumentParser threw.
  ///   - arguments: The command line.
  init(_ error: any Error, arguments: [String]) {
    if let message = Self.unknownCommand(arguments) {
      self.message = message
      return
    }
    let full = Riff.fullMessage(for: error)
    let more = full.split(separator: "\n").last { $0.contains("See '") }
    let lines = [Self.plain(Riff.message(for: error))] + (more.map { [String($0)] } ?? [])
    self.message = lines.joined(separator: "\n")
  }

  /// "The value '-1' is invalid for '--seed <n>': must be …" → "--seed must be …, not -1".
  static func plain(_ text: String) -> String {
    let start = "The value '"
    guard text.hasPrefix(start),
      let invalid = text.firstRange(of: "' is invalid for '"),
      let rule = text[invalid.upperBound...].firstRange(of: "': must be ")
    else { return text }
    let value = text[text.index(text.startIndex, offsetBy: start.count)..<invalid.lowerBound]
    let option = text[invalid.upperBound..<rule.lowerBound].prefix { $0 != " " }
    return "\(option) must be \(text[rule.upperBound...]), not \(value)"
  }

  /// Says which command was meant, where the first word is not one.
  private static func unknownCommand(_ arguments: [String]) -> String? {
    var rest = arguments[...]
    while let word = rest.first, word.hasPrefix("-") {
      rest = rest.dropFirst(word == "--socket" ? 2 : 1)
    }
    let names = Riff.configuration.subcommands.map { $0._commandName }
    guard let word = rest.first, word != "help", !names.contains(word) else { return nil }
    let near = names.map { ($0, Self.distance(word.lowercased(), $0)) }.min { $0.1 < $1.1 }
    let hint: String
    if let near,
      near.1 <= max(1, word.count / 3) || near.0.hasPrefix(word) || word.hasPrefix(near.0)
    {
      hint = "did you mean “\(near.0)”?"
    } else {
      hint = "there are: \(names.joined(separator: ", "))"
    }
    return "“\(word)” is not a command; \(hint)"
  }

  /// Levenshtein's.
  static func distance(_ first: String, _ second: String) -> Int {
    let second = Array(second)
    var row = Array(0...second.count)
    for (line, character) in first.prefix(100).enumerated() {
      var diagonal = row[0]
      row[0] = line + 1
      for (column, other) in second.enumerated() {
        let changed = diagonal + (character == other ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(changed, row[column] + 1, diagonal + 1)
      }
    }
    return row[second.count]
  }
}
