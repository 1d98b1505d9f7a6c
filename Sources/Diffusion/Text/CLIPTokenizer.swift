/// CLIP's tokenizer as transformers 5 runs it (`CLIPTokenizer`, on Hugging Face's tokenizers): added
/// tokens are cut out by their names, the rest is normalized (``CLIPNormalizer``), split into
/// words, single digits and runs of signs, and byte-pair encoded.
///
/// transformers' former `CLIPTokenizer`, in Python, mends the text with ftfy where that is installed
/// or else drops control characters and splits ideographs, as BERT does; that of today does neither,
/// and no more does this one. What Unicode 17 added are letters here and signs there.
package struct CLIPTokenizer: Sendable {
  /// An added token, ready to be looked for.
  struct SpecialToken: Sendable {
    let scalars: [Unicode.Scalar]
    let token: Int32
    /// Looked for in the normalized text instead of the raw one.
    let normalized: Bool
  }

  let encoding: BytePairEncoding
  let begin: Int32
  let end: Int32
  package let padding: Int32
  /// Tokens of a chunk, begin and end included.
  let length: Int
  /// Looked for before and after the text is normalized.
  private let rawNames: [SpecialToken]
  private let normalizedNames: [SpecialToken]

  init(
    encoding: BytePairEncoding, begin: Int32, end: Int32, padding: Int32, added: [SpecialToken],
    length: Int
  ) {
    self.encoding = encoding
    self.begin = begin
    self.end = end
    self.padding = padding
    self.length = length
    rawNames = added.filter { !$0.normalized }
    normalizedNames = added.filter(\.normalized)
  }

  /// The text's tokens without begin and end, uncut.
  package func tokens(of text: String) -> [Int32] {
    var tokens: [Int32] = []
    split(Array(text.unicodeScalars), at: rawNames, into: &tokens) { raw, tokens in
      split(CLIPNormalizer.normalize(raw), at: normalizedNames, into: &tokens) { piece, tokens in
        encodeWords(Array(piece), into: &tokens)
      }
    }
    return tokens
  }

  /// Appends the tokens of the names found, of several at one place the longest; what stands
  /// between them goes to `rest`.
  private func split(
    _ text: [Unicode.Scalar], at names: [SpecialToken], into tokens: inout [Int32],
    rest: (ArraySlice<Unicode.Scalar>, inout [Int32]) -> Void
  ) {
    var start = 0
    var position = 0
    while position < text.count && !names.isEmpty {
      var match: SpecialToken?
      for name in names
      where name.scalars.count > match?.scalars.count ?? 0
        && text[position...].starts(with: name.scalars)
      {
        match = name
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
