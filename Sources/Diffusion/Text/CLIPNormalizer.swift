@_spi(_Unicode) import Swift

/// The normalizer of transformers' `CLIPTokenizer`: canonical composition (NFC), one space for all
/// white space in a row, lower case.
enum CLIPNormalizer {
  static func normalize(_ text: some Sequence<Unicode.Scalar>) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    for scalar in composed(text) {
      if scalar.properties.isWhitespace {
        if result.last != " " { result.append(" ") }
      } else if scalar.isASCII {
        result.append(
          "A"..."Z" ~= scalar ? Unicode.Scalar(UInt8(ascii: scalar) | 0x20) : scalar)
      } else {
        // Scalar by scalar: a sigma at a word's end is like any other.
        result.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
      }
    }
    return result
  }

  private static func composed(_ text: some Sequence<Unicode.Scalar>) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    var run = String.UnicodeScalarView()
    for scalar in text {
      if isInert(scalar) {
        result.append(contentsOf: String(run)._nfc)
        result.append(scalar)
        run = String.UnicodeScalarView()
      } else {
        appendSplit(scalar, to: &run)
      }
    }
    result.append(contentsOf: String(run)._nfc)
    return result
  }

  /// Hugging Face's tokenizers compose by the tables of Unicode 9: a mark that is younger neither
  /// moves nor lets others pass.
  private static func isInert(_ scalar: Unicode.Scalar) -> Bool {
    guard scalar.value >= 0x300 else { return false }
    return scalar.properties.age.map { $0.major > 9 } ?? true
  }

  /// Appends a scalar, the four that begin with a mark when decomposed in their two parts: Swift
  /// does not move those to their places among other marks.
  private static func appendSplit(
    _ scalar: Unicode.Scalar, to text: inout String.UnicodeScalarView
  ) {
    switch scalar {
    case "\u{344}": text.append(contentsOf: ["\u{308}", "\u{301}"])
    case "\u{F73}": text.append(contentsOf: ["\u{F71}", "\u{F72}"])
    case "\u{F75}": text.append(contentsOf: ["\u{F71}", "\u{F74}"])
    case "\u{F81}": text.append(contentsOf: ["\u{F71}", "\u{F80}"])
    default: text.append(scalar)
    }
  }
}
