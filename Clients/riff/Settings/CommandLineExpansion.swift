import ArgumentParser

/// The command line with what `config.yaml` says to it: its defaults, then the preset that it names, then
/// what was typed. The last one counts.
struct CommandLineExpansion {
  /// What is parsed.
  private(set) var arguments: [String]
  /// What was put in, and where it came from.
  private(set) var inserted: [(argument: String, source: String)] = []

  /// Commands that take defaults.
  static let commands: Set = [
    "generate", "remix", "extend", "morph", "jam", "render", "spectrogram",
  ]

  /// - Parameter typed: The command line, without the program.
  /// - Throws: ``Failure``.
  init(_ typed: [String]) throws {
    self.arguments = typed
    guard let place = Self.commandPlace(typed), Self.commands.contains(typed[place]),
      let command = Riff.configuration.subcommands.first(where: {
        $0._commandName == typed[place]
      })
    else { return }
    let rest = typed[(place + 1)...].prefix { $0 != "--" }
    let name = Self.value(of: "--preset", in: Array(rest))
    guard let presets = try Presets.load() else {
      if let name { throw Failure.usage("there is no preset “\(name)”: there is no home folder") }
      return
    }
    // What is made again is made as it was.
    let isLike = rest.contains { $0 == "--like" || $0.hasPrefix("--like=") }
    let defaults = isLike ? [] : presets.defaults
    guard name != nil || !defaults.isEmpty else { return }
    let options = CommandOptions(command)
    var added: [String] = []
    func insert(_ arguments: [String], _ source: String) {
      added += arguments
      self.inserted += arguments.map { ($0, source) }
    }
    let keys = try name.map { try presets.preset($0) } ?? []
    let preset = try presets.arguments(keys, for: options, strict: true)
    // A default is for the commands that have such an option, and for what it goes with.
    insert(
      FittingDefaults(
        try presets.arguments(defaults, for: options, strict: false), command: typed[place],
        said: preset + rest
      ).arguments, "defaults")
    if let name {
      insert(preset, "preset \(name)")
      if let prompt = Presets.prompt(of: keys) {
        insert(["--preset-prompt=\(prompt)"], "preset \(name)")
      }
    }
    self.arguments.insert(contentsOf: added, at: place + 1)
  }

  /// Where `message` is about an option that was put in, and not typed: what put it there.
  func source(of message: String, typed: [String]) -> String? {
    self.inserted.first { argument, _ in
      let option = String(argument.prefix { $0 != "=" })
      return message.contains(option)
        && !typed.contains { $0 == option || $0.hasPrefix(option + "=") }
    }?.source
  }

  /// Where the command's name stands.
  private static func commandPlace(_ arguments: [String]) -> Int? {
    var place = 0
    while place < arguments.count, arguments[place].hasPrefix("-") {
      place += arguments[place] == "--socket" ? 2 : 1
    }
    return place < arguments.count ? place : nil
  }

  private static func value(of option: String, in arguments: [String]) -> String? {
    for (index, argument) in arguments.enumerated().reversed() {
      if argument.hasPrefix(option + "=") { return String(argument.dropFirst(option.count + 1)) }
      if argument == option, index + 1 < arguments.count { return arguments[index + 1] }
    }
    return nil
  }
}
