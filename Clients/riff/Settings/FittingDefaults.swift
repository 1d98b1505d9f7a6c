/// The defaults that go with what was typed. Nobody asked for them on this command line, so one that would make
/// it wrong usage is left out.
struct FittingDefaults {
  /// What is put into the command line.
  private(set) var arguments: [String] = []

  /// Options that a default gives way to.
  private static let others: [String: [String]] = [
    "duration": ["width", "bars"], "width": ["duration", "bars"],
    "bars": ["duration", "width", "init"], "fade": ["loop"], "loop": ["fade"],
    "seed": ["riffusion-json"], "guidance": ["riffusion-json"], "strength": ["riffusion-json"],
    "clips": ["riffusion-json"], "power": ["riffusion-json"],
  ]
  /// By command: options without which a default says nothing.
  private static let needed: [String: [String: String]] = [
    "generate": ["strength": "init", "start": "init", "mask": "init", "bars": "bpm"],
    "morph": ["strength": "init", "mask": "init"],
    "spectrogram": ["title": "axes", "colours": "axes"],
  ]

  private let said: Set<String>
  /// What `-o` says, each time.
  private let outputs: [String]
  /// What the sound is written as; nil: there is none.
  private let sound: MediaFormat?

  /// - Parameters:
  ///   - defaults: Arguments, each an option with its value.
  ///   - said: What was typed behind the command's name, and what a preset says that was.
  init(_ defaults: [String], command: String, said: [String]) {
    self.said = Set(said.compactMap { Self.name($0) })
    let outputs = Self.values(of: ["-o", "--output"], in: said)
    self.outputs = outputs
    let named = outputs.map { MediaFormat(fileName: $0) }
    let usual =
      (Self.values(of: ["--format"], in: said).last
      ?? Self.values(of: ["--format"], in: defaults).last)
      .flatMap { MediaFormat(rawValue: $0) } ?? .opus
    self.sound =
      named.lazy.compactMap(\.self).first(where: \.isSound)
      ?? (!named.isEmpty && named.allSatisfy { $0 == .png } ? nil : usual)
    let known = self.said.union(defaults.compactMap { Self.name($0) })
    self.arguments = defaults.filter { argument in
      guard let name = Self.name(argument) else { return true }
      if let needed = Self.needed[command]?[name], !known.contains(needed) { return false }
      return self.said.isDisjoint(with: Self.others[name] ?? []) && self.suitsSound(argument, name)
    }
  }

  /// Whether it goes with how the sound is written, and where to.
  private func suitsSound(_ argument: String, _ name: String) -> Bool {
    switch (name, self.sound) {
    case ("format", nil), ("bitrate", .wav), ("bitrate", .flac), ("bitrate", nil),
      ("sample-format", .opus), ("sample-format", .mp3), ("sample-format", nil):
      false
    case ("format", _): !self.outputs.contains { MediaFormat(fileName: $0)?.isSound == true }
    case ("sample-format", .flac): !argument.hasSuffix("=f32")
    case ("play", let sound) where argument == "--play":
      sound != nil && !self.outputs.contains("-")
        && (!self.outputs.isEmpty || Terminal.standardOutput.isInteractive)
    default: true
    }
  }

  /// The name of an option, without the dashes: "--no-play" is play, too.
  private static func name(_ argument: String) -> String? {
    if argument == "-o" { return "output" }
    guard argument.hasPrefix("--") else { return nil }
    let name = argument.dropFirst(2).prefix { $0 != "=" }
    return String(name.hasPrefix("no-") ? name.dropFirst(3) : name)
  }

  private static func values(of options: [String], in arguments: [String]) -> [String] {
    var values: [String] = []
    for (index, argument) in arguments.enumerated() {
      if options.contains(argument) {
        if index + 1 < arguments.count { values.append(arguments[index + 1]) }
      } else if let option = options.first(where: { argument.hasPrefix($0 + "=") }) {
        values.append(String(argument.dropFirst(option.count + 1)))
      }
    }
    return values
  }
}
