import ArgumentParser

/// Options by a name, for the commands that paint.
struct PresetFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Options that config.yaml has under presets: NAME; those that are given come first.",
      valueName: "name"))
  var preset: String?
  /// What the preset adds to the prompt.
  @Option(help: .hidden)
  var presetPrompt: String?

  /// The prompt with what the preset has to say: in the place of “{}” in its own, else before it.
  func complete(_ prompt: String?) -> String? {
    guard let own = self.presetPrompt else { return prompt }
    guard let prompt else {
      // Without what belongs into its place.
      return own.replacing("{}", with: "").trimmed(of: ", ")
    }
    return own.contains("{}") ? own.replacing("{}", with: prompt) : "\(prompt), \(own)"
  }
}

extension String {
  /// Without these characters at its beginning and end.
  fileprivate func trimmed(of characters: Set<Character>) -> String {
    var text = self[...].drop { characters.contains($0) }
    while let last = text.last, characters.contains(last) { text.removeLast() }
    return String(text)
  }

  fileprivate func trimmed(of characters: String) -> String {
    self.trimmed(of: Set(characters))
  }

  fileprivate func replacing(_ text: String, with other: String) -> String {
    var result = ""
    var rest = self[...]
    while let range = rest.firstRange(of: text) {
      result += rest[..<range.lowerBound] + other
      rest = rest[range.upperBound...]
    }
    return result + rest
  }
}
