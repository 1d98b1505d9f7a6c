/// Makes tokens of prompts, in one of two ways.
///
/// Prompts of plain text that fit one chunk are encoded as diffusers' `StableDiffusionPipeline`
/// does it: one chunk, filled up with the padding token. Brackets or a longer text take riffusion's
/// `get_weighted_text_embeddings`: up to three chunks, each with begin and end of its own and filled
/// up with the end token, and a weight for every token. On plain text that fits, the two differ only
/// where the padding token is not the end token, as in Stable Diffusion 2.
struct PromptEncoder {
  /// riffusion's `max_embeddings_multiples`.
  static let maximumChunks = 3

  let tokenizer: CLIPTokenizer

  /// Tokens of text in one chunk.
  var chunkCapacity: Int { tokenizer.length - 2 }
  /// Tokens of text in as many chunks as a prompt may have.
  var capacity: Int { Self.maximumChunks * chunkCapacity }

  /// Encodings of equally many chunks. If one of the prompts has to be weighted, all are.
  func encode(_ prompts: [String], weighting: Bool) -> [PromptEncoding] {
    if !(weighting && prompts.contains(where: Self.hasBrackets)) {
      let texts = prompts.map(tokenizer.tokens)
      if !(weighting && texts.contains { $0.count > chunkCapacity }) { return texts.map(plain) }
    }
    let texts = prompts.map(tokensAndWeights)
    let longest = texts.map(\.tokens.count).max() ?? 0
    let needed = (longest + chunkCapacity - 1) / chunkCapacity
    let chunks = min(Self.maximumChunks, max(1, needed))
    return texts.map { weighted($0.tokens, $0.weights, chunks: chunks) }
  }

  /// Tokens of a prompt's text that the encoding holds at most.
  func limit(of encoding: PromptEncoding) -> Int {
    encoding.weights == nil ? chunkCapacity : capacity
  }

  /// Whether there is a sign that sets weights, or the backslash that takes its meaning away.
  private static func hasBrackets(_ prompt: String) -> Bool {
    prompt.utf8.contains { byte in
      switch byte {
      case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "["), UInt8(ascii: "]"),
        UInt8(ascii: "\\"):
        true
      default: false
      }
    }
  }

  private func plain(_ tokens: [Int32]) -> PromptEncoding {
    PromptEncoding(
      chunks: [chunk(tokens[...], padding: tokenizer.padding)], weights: nil,
      textTokens: tokens.count)
  }

  private func tokensAndWeights(_ prompt: String) -> (tokens: [Int32], weights: [Float]) {
    var tokens: [Int32] = []
    var weights: [Float] = []
    for fragment in PromptParser.fragments(of: prompt) {
      tokens += tokenizer.tokens(of: fragment.text)
      let added = tokens.count - weights.count
      weights += repeatElement(Float(fragment.weight), count: added)
    }
    return (tokens, weights)
  }

  private func weighted(_ tokens: [Int32], _ weights: [Float], chunks: Int) -> PromptEncoding {
    var result: [[Int32]] = []
    var resultWeights: [Float] = []
    for index in 0..<chunks {
      let first = min(index * chunkCapacity, tokens.count)
      let range = first..<min(first + chunkCapacity, tokens.count)
      result.append(chunk(tokens[range], padding: tokenizer.end))
      resultWeights.append(1)
      resultWeights += weights[range]
      resultWeights += repeatElement(1, count: tokenizer.length - 1 - range.count)
    }
    return PromptEncoding(chunks: result, weights: resultWeights, textTokens: tokens.count)
  }

  /// Always the tokenizer's length: begin, as much of the text as fits, end, padding.
  private func chunk(_ text: ArraySlice<Int32>, padding: Int32) -> [Int32] {
    let text = text.prefix(chunkCapacity)
    let filling = repeatElement(padding, count: chunkCapacity - text.count)
    return [tokenizer.begin] + text + [tokenizer.end] + filling
  }
}
