/// A command's help, its options in groups: first those that most people need, last what is the same
/// everywhere.
struct HelpText {
  let text: String

  /// At so many columns it reads well everywhere.
  static let columns = 80

  /// Options that most people need, by the commands that have them; five at most.
  private static let first: [String: [String]] = [
    "generate": ["--output", "--duration", "--seed", "--init", "--preset"],
    "remix": ["--output", "--strength", "--to", "--start", "--duration"],
    "extend": ["--output", "--seconds", "--before", "--seed", "--preset"],
    "morph": ["--output", "--clips", "--seed", "--init", "--strength"],
    "jam": ["--output", "--bpm", "--seed", "--strength", "--preset"],
    "render": ["--output", "--quality", "--format", "--play", "--like"],
    "spectrogram": ["--output", "--axes", "--start", "--duration", "--like"],
    "batch": ["--directory", "--count", "--format", "--pictures", "--preset"],
  ]
  /// The others of the commands that paint, in this order.
  private static let groups: [(title: String, options: [String])] = [
    (
      "TAKES AND LENGTH",
      [
        "--duration", "--clips", "--power", "--seed", "--count", "--width", "--height", "--bpm",
        "--bars", "--loop", "--preset", "--like",
      ]
    ),
    (
      "FROM A CLIP OR A PICTURE",
      ["--init", "--strength", "--start", "--mask", "--riffusion-json", "--to"]
    ),
    (
      "MODEL AND SAMPLER",
      [
        "--model", "--negative", "--steps", "--guidance", "--scheduler", "--eta",
        "--guidance-interval", "--deep-cache", "--lora", "--plain-prompt", "--keep-alive",
      ]
    ),
  ]
  /// Subcommands of the program's own help.
  private static let commands: [(title: String, names: Set<String>)] = [
    ("MAKE MUSIC", ["generate", "remix", "extend", "morph", "jam", "batch"]),
    ("SOUNDS AND PICTURES", ["play", "render", "spectrogram", "sample", "info"]),
    ("THE DAEMON", ["status", "models", "cancel", "stop", "restart", "web", "config"]),
  ]

  /// - Parameters:
  ///   - text: As ArgumentParser writes it.
  ///   - command: The subcommand's name; nil: the program's own help.
  init(_ text: String, command: String?) {
    let sections = Self.sections(text)
    // Versions and scripts are not help.
    guard sections.contains(where: { $0.title.hasPrefix("USAGE") }) else {
      self.text = text
      return
    }
    let parts = Self.ordered(sections, command: command).map { section in
      let title = section.title.isEmpty ? [] : Self.wrapped(section.title)
      return (title + section.lines).joined(separator: "\n")
    }
    self.text = parts.joined(separator: "\n\n")
  }

  /// A heading with its colon, and what stands below it.
  private struct Section {
    var title = ""
    var lines: [String] = []

    /// The entries: each begins two columns in, and goes on further in.
    var entries: [[String]] {
      self.lines.reduce(into: []) { entries, line in
        if line.hasPrefix("  "), !line.hasPrefix("   ") || entries.isEmpty {
          entries.append([line])
        } else if !entries.isEmpty {
          entries[entries.count - 1].append(line)
        }
      }
    }
  }

  /// A usage line is as long as it has options.
  private static func wrapped(_ title: String) -> [String] {
    guard title.hasPrefix("USAGE: "), title.count > Self.columns else { return [title] }
    // What stands in brackets stays together.
    var words: [String] = []
    var depth = 0
    for word in title.split(separator: " ").map(String.init) {
      if depth > 0 { words[words.count - 1] += " " + word } else { words.append(word) }
      depth += word.count { $0 == "[" || $0 == "<" } - word.count { $0 == "]" || $0 == ">" }
    }
    return words.reduce(into: [String]()) { lines, word in
      if let last = lines.last, last.count + 1 + word.count <= Self.columns {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append(lines.isEmpty ? word : String(repeating: " ", count: 7) + word)
      }
    }
  }

  /// Cuts at headings: lines of capitals with a colon at the end, after an empty line.
  private static func sections(_ text: String) -> [Section] {
    var sections = [Section()]
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
      let isHeading =
        line.hasSuffix(":") && line.first?.isUppercase == true
        && line.dropLast().allSatisfy { $0.isUppercase || $0 == " " }
        || line.hasPrefix("USAGE: ")
      if isHeading {
        sections.append(Section(title: line))
      } else {
        sections[sections.count - 1].lines.append(line)
      }
    }
    for index in sections.indices {
      while sections[index].lines.last?.isEmpty == true { sections[index].lines.removeLast() }
    }
    return sections.filter { !$0.title.isEmpty || !$0.lines.isEmpty }
  }

  private static func ordered(_ sections: [Section], command: String?) -> [Section] {
    let options = sections.first { $0.title == "OPTIONS:" }?.entries ?? []
    var rest = options
    func take(_ names: [String]) -> [[String]] {
      names.compactMap { name in
        rest.firstIndex { Self.names(of: $0).contains(name) }.map { rest.remove(at: $0) }
      }
    }
    var ordered: [Section] = []
    var others: [Section] = []
    var advice: [Section] = []
    for section in sections where section.title != "OPTIONS:" {
      switch section.title {
      case "SUBCOMMANDS:":
        let (groups, tail) = Self.grouped(section)
        ordered += groups
        if !tail.isEmpty { advice = [Section(lines: tail)] }
      case "DAEMON:", "WHAT IS SAID:": others.append(section)
      default: ordered.append(section)
      }
    }
    // Before the groups that ArgumentParser made of itself.
    let place = ordered.lastIndex {
      $0.title.isEmpty || $0.title.hasPrefix("USAGE") || $0.title == "ARGUMENTS:"
    }
    var made: [Section] = []
    if let command, let names = Self.first[command] {
      // Also those that stand in groups of their own.
      var chosen = take(names)
      for name in names where !chosen.contains(where: { Self.names(of: $0).contains(name) }) {
        for index in ordered.indices {
          var entries = ordered[index].entries
          guard let found = entries.firstIndex(where: { Self.names(of: $0).contains(name) }) else {
            continue
          }
          chosen.append(entries.remove(at: found))
          ordered[index].lines = entries.flatMap { $0 }
        }
      }
      if !chosen.isEmpty {
        made.append(Section(title: "MOST USED OPTIONS:", lines: chosen.flatMap { $0 }))
      }
      for group in Self.groups {
        let own = take(group.options)
        guard !own.isEmpty else { continue }
        made.append(Section(title: "\(group.title):", lines: own.flatMap { $0 }))
      }
    }
    let last = Section(
      title: made.isEmpty ? "OPTIONS:" : "OTHER OPTIONS:", lines: rest.flatMap { $0 })
    let index = place.map { $0 + 1 } ?? ordered.endIndex
    let tail = ordered[index...].filter { !$0.lines.isEmpty }
    return ordered[..<index] + made + tail + others + (last.lines.isEmpty ? [] : [last]) + advice
  }

  /// The subcommands in groups, of which the last takes those that no group knows, and what ArgumentParser
  /// says below them.
  private static func grouped(_ section: Section) -> (groups: [Section], tail: [String]) {
    var rest = section.entries
    var tail: [String] = []
    if var final = rest.popLast() {
      // "See 'riff help <subcommand>' for detailed help." stands below the last.
      if let see = final.firstIndex(where: { $0.contains("See '") }) {
        tail = final[see...].map { String($0.drop { $0 == " " }) }
        final.removeSubrange(see...)
        while final.last?.isEmpty == true { final.removeLast() }
      }
      rest.append(final)
    }
    var groups: [Section] = []
    for (index, group) in Self.commands.enumerated() {
      let isLast = index == Self.commands.count - 1
      let own = rest.filter { isLast || group.names.contains(Self.word(of: $0)) }
      rest.removeAll { isLast || group.names.contains(Self.word(of: $0)) }
      if !own.isEmpty {
        groups.append(Section(title: "\(group.title):", lines: own.flatMap { $0 }))
      }
    }
    return (groups, tail)
  }

  /// The first word of an entry.
  private static func word(of entry: [String]) -> String {
    entry.first?.split(separator: " ").first.map(String.init) ?? ""
  }

  /// The names of an option: "-o, --output <file>", "--play/--no-play".
  private static func names(of entry: [String]) -> Set<String> {
    let line = entry.first ?? ""
    return Set(
      line.split { $0 == " " || $0 == "," || $0 == "/" }.map(String.init)
        .filter { $0.hasPrefix("-") })
  }
}
