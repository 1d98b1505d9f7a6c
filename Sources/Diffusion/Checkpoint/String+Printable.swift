extension String {
  /// At most `count` characters of text from a file, as a log can show them: in ASCII, control
  /// characters escaped.
  func printable(_ count: Int) -> String {
    unicodeScalars.prefix(count).reduce(into: "") { $0 += $1.escaped(asASCII: true) }
  }
}
