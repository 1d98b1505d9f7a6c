/// How a terminal shows pictures.
enum TerminalGraphics: Equatable {
  /// Pictures of the terminal's own, sent as pixels.
  case kitty, sixel
  /// Two pixels a character, in 24-bit colours or the 256 that many terminals have.
  case blocks, blocks256
  /// Characters of different density.
  case shades

  /// - Parameter environment: Looks a variable up.
  /// - Returns: nil where nothing is known to work.
  init?(environment: (String) -> String?) {
    func value(_ name: String) -> String { environment(name) ?? "" }
    switch value("RIFF_GRAPHICS") {
    case "kitty": self = .kitty
    case "sixel": self = .sixel
    case "blocks": self = .blocks
    case "shades": self = .shades
    case "none": return nil
    default:
      let term = value("TERM")
      guard !term.isEmpty, term != "dumb" else { return nil }
      let isMultiplexed = !value("TMUX").isEmpty || term.hasPrefix("screen")
      let program = value("TERM_PROGRAM")
      if !value("NO_COLOR").isEmpty {
        self = .shades
      } else if !isMultiplexed,
        term == "xterm-kitty" || term == "xterm-ghostty" || program == "WezTerm"
      {
        self = .kitty
      } else if !isMultiplexed,
        term.contains("sixel") || term.hasPrefix("foot") || term.hasPrefix("mlterm")
      {
        self = .sixel
      } else if ["truecolor", "24bit"].contains(value("COLORTERM")) || term.hasSuffix("-direct") {
        self = .blocks
      } else if term.contains("256color") {
        self = .blocks256
      } else {
        self = .shades
      }
    }
  }
}
