/// The words of Prometheus' text format.
enum PrometheusText {
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// A name of letters, digits, underscores and colons, not beginning with a digit.
  static func name(_ text: String) -> String {
    let name = String(
      text.unicodeScalars.map { scalar in
        let isPlain =
          ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
          || ("0"..."9").contains(scalar) || scalar == "_" || scalar == ":"
        return isPlain ? Character(scalar) : "_"
      })
    return name.first?.isNumber != false ? "_" + name : name
  }

  /// `kind="Generate",end="done"`; a backslash stands before backslashes, quotation marks and line breaks.
  static func labels(_ dimensions: [(String, String)]) -> String {
    dimensions.map { key, value in
      var text = ""
      for character in value {
        switch character {
        case "\\": text += "\\\\"
        case "\"": text += "\\\""
        case "\n", "\r\n": text += "\\n"
        default: text.append(character)
        }
      }
      return "\(self.name(key))=\"\(text)\""
    }.joined(separator: ",")
  }

  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return Int64(exactly: value).map { "\($0)" } ?? "\(value)"
  }
}
