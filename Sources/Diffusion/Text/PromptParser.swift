/// Reads brackets in a prompt as emphasis, as riffusion's `parse_prompt_attention` does (from
/// diffusers' community pipeline `lpw_stable_diffusion`, before that AUTOMATIC1111's web UI).
///
/// `(x)` multiplies the weight of x by 1.1, `[x]` divides it by 1.1, `(x:1.3)` multiplies it by
/// 1.3; they nest, `(` and `[` independently of each other. A backslash makes the sign after it
/// plain text (and is dropped before any other character). A bracket never closed reaches to the
/// end; one never opened is text. A factor is digits of any script with at most one full stop,
/// signed or not; anything else after the colon, `1e3` and `nan` too, is text, and so are the
/// factors that riffusion's `float()` would fail on (`1.2.3`) or take for infinite.
package struct PromptParser {
  /// Text and weight of fragment i are `texts[i]` and `weights[i]`.
  private var texts: [String.UnicodeScalarView] = []
  private var weights: [Double] = []
  /// For each bracket still open, the first fragment inside it.
  private var round: [Int] = []
  private var square: [Int] = []

  private static let emphasis = 1.1

  /// At least one fragment; neighbours differ in weight. Weights may be negative, zero or, where
  /// thousands of brackets nest, infinite.
  ///
  /// Takes time in proportion to the prompt's length times its open brackets at worst: the product
  /// of each weight is taken in riffusion's order, so that equal ones are equal to the last bit.
  package static func fragments(of prompt: String) -> [PromptFragment] {
    var parser = PromptParser()
    let text = Array(prompt.unicodeScalars)
    var position = 0
    while position < text.count { position += parser.read(text[position...]) }
    parser.closeAll()
    return parser.merged()
  }

  /// Takes what `rest`, which is not empty, begins with and returns its length.
  private mutating func read(_ rest: ArraySlice<Unicode.Scalar>) -> Int {
    switch rest[rest.startIndex] {
    case "\\":
      let escaped = rest.dropFirst().prefix(1).filter(Self.isSpecial)
      append(escaped[...])
      return 1 + escaped.count
    case "(":
      round.append(texts.count)
    case "[":
      square.append(texts.count)
    case ")":
      guard let start = round.popLast() else { append(rest.prefix(1)); break }
      multiply(from: start, by: Self.emphasis)
    case "]":
      guard let start = square.popLast() else { append(rest.prefix(1)); break }
      multiply(from: start, by: 1 / Self.emphasis)
    case ":":
      // Where no bracket is open, colon, digits and the bracket after them are text all the same.
      guard let start = round.last, let factor = Self.factor(rest.dropFirst()) else {
        append(rest.prefix(1))
        break
      }
      round.removeLast()
      multiply(from: start, by: factor.value)
      return factor.length + 2
    default:
      let plain = rest.prefix { $0 != ":" && !Self.isSpecial($0) }
      append(plain)
      return plain.count
    }
    return 1
  }

  private static func isSpecial(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "(", ")", "[", "]", "\\": true
    default: false
    }
  }

  /// The number before a closing bracket that `text` begins with.
  private static func factor(
    _ text: ArraySlice<Unicode.Scalar>
  ) -> (value: Double, length: Int)? {
    let sign = text.prefix(1).filter { $0 == "+" || $0 == "-" }
    let number = text.dropFirst(sign.count).prefix { $0 == "." || digit($0) != nil }
    let length = sign.count + number.count
    guard text.dropFirst(length).first == ")" else { return nil }
    let parts = number.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, number.count > parts.count - 1 else { return nil }
    let digits = parts.map { $0.compactMap(digit).map(String.init).joined() }
    // Python takes "1." and ".5" as well; Swift takes them with zeros around.
    let text = "0\(digits[0]).\(digits.count == 2 ? digits[1] : "")0"
    guard let value = Double(text), value.isFinite else { return nil }
    return (sign.first == "-" ? -value : value, length)
  }

  /// The value of a decimal digit of any script (general category Nd).
  private static func digit(_ scalar: Unicode.Scalar) -> Int? {
    guard scalar.properties.generalCategory == .decimalNumber else { return nil }
    return scalar.properties.numericValue.map { Int($0) }
  }

  private mutating func append(_ text: ArraySlice<Unicode.Scalar>) {
    texts.append(String.UnicodeScalarView(text))
    weights.append(1)
  }

  private mutating func multiply(from start: Int, by factor: Double) {
    for index in start..<weights.count { weights[index] *= factor }
  }

  private mutating func closeAll() {
    for start in round { multiply(from: start, by: Self.emphasis) }
    for start in square { multiply(from: start, by: 1 / Self.emphasis) }
  }

  /// Joins neighbours of equal weight.
  private func merged() -> [PromptFragment] {
    var result: [PromptFragment] = []
    for (text, weight) in zip(texts, weights) {
      if let last = result.indices.last, result[last].weight == weight {
        result[last].text.unicodeScalars += text
      } else {
        result.append(PromptFragment(String(text), weight: weight))
      }
    }
    return result.isEmpty ? [PromptFragment("")] : result
  }
}
