/// CLIP's tokenizer as transformers' `CLIPTokenizer` runs it: special tokens are cut out, the rest
/// is composed (NFC), lowercased, split into words, letters and signs, and byte-pair encoded.
struct CLIPTokenizer: Sendable {
  /// A token that is recognised as a whole before anything else.
  struct SpecialToken: Sendable {
    let scalars: [Unicode.Scalar]
    let token: Int32
    /// Looked for in the composed, lowercased text instead of the raw one.
    let normalized: Bool
  }

  let encoding: BytePairEncoding
  let begin: Int32
  let end: Int32
  let padding: Int32
  let specials: [SpecialToken]
  /// Tokens of an encoding, begin and end included.
  let length: Int

  /// The text's tokens without begin and end, uncut.
  func tokens(of text: String) -> [Int32] {
    var tokens: [Int32] = []
    split(Array(text.unicodeScalars), at: specials.filter { !$0.normalized }, into: &tokens) {
      raw, tokens in
      let text = CLIPNormalizer.normalize(raw)
      split(text, at: specials.filter(\.normalized), into: &tokens) { piece, tokens in
        encodeWords(Array(piece), into: &tokens)
      }
    }
    return tokens
  }

  /// Appends the tokens of special tokens found, of several at one place the longest; what stands
  /// between them goes to `rest`.
  private func split(
    _ text: [Unicode.Scalar], at specials: [SpecialToken], into tokens: inout [Int32],
    rest: (ArraySlice<Unicode.Scalar>, inout [Int32]) -> Void
  ) {
    var start = 0
    var position = 0
    while position < text.count && !specials.isEmpty {
      var match: SpecialToken?
      for special in specials
      where special.scalars.count > match?.scalars.count ?? 0
        && text[position...].starts(with: special.scalars)
      {
        match = special
      }
      guard let match else {
        position += 1
        continue
      }
      if start < position { rest(text[start..<position], &tokens) }
      tokens.append(match.token)
      position += match.scalars.count
      start = position
    }
    if start < text.count { rest(text[start...], &tokens) }
  }

  /// CLIP's pattern: `<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|
  /// [^\s\p{L}\p{N}]+`, then GPT-2's, which only cuts the two names in it apart.
  private func encodeWords(_ text: [Unicode.Scalar], into tokens: inout [Int32]) {
    var position = 0
    while position < text.count {
      let here = text[position...]
      var lengths: [Int] = []
      if let name = Self.names.first(where: { here.starts(with: $0) }) {
        lengths = [2, name.count - 4, 2]
      } else if let suffix = Self.contractions.first(where: { here.starts(with: $0) }) {
        lengths = [suffix.count]
      } else {
        switch Self.kind(text[position]) {
        case .space: position += 1
        case .number: lengths = [1]
        case .letter: lengths = [here.prefix { Self.kind($0) == .letter }.count]
        case .sign: lengths = [here.prefix { Self.kind($0) == .sign }.count]
        }
      }
      for length in lengths {
        var word: [UInt8] = []
        for scalar in text[position..<position + length] {
          word.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        }
        tokens += encoding.encode(word)
        position += length
      }
    }
  }

  private static let names = ["<|startoftext|>", "<|endoftext|>"].map { Array($0.unicodeScalars) }
  private static let contractions =
    ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map { Array($0.unicodeScalars) }

  private enum Kind {
    case space, letter, number, sign
  }

  private static func kind(_ scalar: Unicode.Scalar) -> Kind {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      .letter
    case .decimalNumber, .letterNumber, .otherNumber: .number
    default: scalar.properties.isWhitespace ? .space : .sign
    }
  }
}
