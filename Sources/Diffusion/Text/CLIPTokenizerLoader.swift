/// Reads `tokenizer/`: `vocab.json` and `merges.txt`, or `tokenizer.json` where only that is there.
struct CLIPTokenizerLoader {
  private static let largestFile = 32 << 20

  let folder: String

  /// `maximumLength` and `vocabularySize` are the text encoder's; no encoding exceeds them.
  func load(maximumLength: Int, vocabularySize: Int) throws(DiffusionError) -> CLIPTokenizer {
    let settings = try optional("tokenizer_config.json")
    // Settings that list the added tokens are newer than the map, which then does not count.
    let listed = try settings?.object("added_tokens_decoder")
    let map = listed == nil ? try optional("special_tokens_map.json") : nil
    let vocabularyFile = "\(folder)/vocab.json"
    let encoding: BytePairEncoding
    var added: [(content: String, token: Int32, normalized: Bool)] = []
    if MappedFile.exists(vocabularyFile) {
      let unknown = try name("unk_token", map, settings)
      encoding = try plainFiles(vocabularyFile, unknown: unknown.content)
    } else {
      (encoding, added) = try tokenizerJSON("\(folder)/tokenizer.json")
    }
    for (number, value) in listed?.members ?? [] {
      guard let number = Int32(number), number >= 0, case .object(let object) = value,
        let settings
      else { throw .checkpoint(folder, "added_tokens_decoder does not map numbers to tokens") }
      let token = ConfigReader(file: settings.file, object: object)
      let content = try token.string("content")
      added.removeAll { $0.content == content }
      added.append((content, number, try token.bool("normalized", default: false)))
    }
    let fixed = added.count
    func token(_ key: String) throws(DiffusionError) -> Int32 {
      let name = try name(key, map, settings)
      if let place = added.firstIndex(where: { $0.content == name.content }) {
        // Named more than once, it is looked for in the raw text if one of the names says so.
        if place >= fixed { added[place].normalized = added[place].normalized && name.normalized }
        return added[place].token
      }
      guard let token = encoding[name.content] else {
        throw .checkpoint(folder, "\(key) \(name.content) is not in the vocabulary")
      }
      added.append((name.content, token, name.normalized))
      return token
    }
    let begin = try token("bos_token")
    let end = try token("eos_token")
    _ = try token("unk_token")
    let padding = try token("pad_token")
    let largest = max(encoding.largestToken, added.map(\.token).max() ?? 0)
    guard largest < vocabularySize else {
      throw .checkpoint(
        folder, "holds token \(largest), but the text encoder has vocab_size \(vocabularySize)")
    }
    let wanted = try settings?.double("model_max_length", default: 77) ?? 77
    let length = wanted < Double(maximumLength) ? Int(max(wanted, 0)) : maximumLength
    guard length >= 3 else {
      throw .checkpoint(folder, "model_max_length is \(wanted); at least 3 is needed")
    }
    return CLIPTokenizer(
      encoding: encoding, begin: begin, end: end, padding: padding,
      specials: added.map { added in
        let text = added.content.unicodeScalars
        return CLIPTokenizer.SpecialToken(
          scalars: added.normalized ? CLIPNormalizer.normalize(text) : Array(text),
          token: added.token, normalized: added.normalized)
      }, length: length)
  }

  private func optional(_ name: String) throws(DiffusionError) -> ConfigReader? {
    let path = "\(folder)/\(name)"
    return MappedFile.exists(path) ? try ConfigReader(path: path, limit: Self.largestFile) : nil
  }

  private static let defaults = [
    "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>",
    "pad_token": "<|endoftext|>",
  ]

  /// A special token's text, from the map or else from the settings.
  private func name(
    _ key: String, _ map: ConfigReader?, _ settings: ConfigReader?
  ) throws(DiffusionError) -> (content: String, normalized: Bool) {
    for config in [map, settings].compactMap({ $0 }) {
      switch config.present(key) {
      case nil: continue
      case .string(let content): return (content, false)
      case .object(let object):
        let token = ConfigReader(file: config.file, object: object)
        return (
          try token.string("content"), try token.bool("normalized", default: false)
        )
      case .some(let other):
        throw config.failure(key, "is \(other.kindName); a token is due")
      }
    }
    return (Self.defaults[key] ?? "", false)
  }

  private func plainFiles(
    _ vocabularyFile: String, unknown: String
  ) throws(DiffusionError) -> BytePairEncoding {
    let config = try ConfigReader(path: vocabularyFile, limit: Self.largestFile)
    let vocabulary = try Self.vocabulary(config)
    let mergesFile = "\(folder)/merges.txt"
    let file = try MappedFile(path: mergesFile)
    guard file.bytes.count <= Self.largestFile else {
      throw .checkpoint(mergesFile, "has \(file.bytes.count) bytes; too many")
    }
    var merges: [(left: [UInt8], right: [UInt8], place: String)] = []
    let lines = file.bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      guard !line.isEmpty, !line.starts(with: "#version".utf8) else { continue }
      let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
        throw .checkpoint(mergesFile, "line \(index + 1) is not two tokens with a space between")
      }
      merges.append((Array(parts[0]), Array(parts[1]), "line \(index + 1)"))
    }
    return try BytePairEncoding(
      file: mergesFile, vocabulary: vocabulary, unknownToken: unknown, merges: merges)
  }

  private static func vocabulary(
    _ config: ConfigReader
  ) throws(DiffusionError) -> [[UInt8]: Int32] {
    var vocabulary: [[UInt8]: Int32] = [:]
    vocabulary.reserveCapacity(config.members.count)
    for (token, value) in config.members {
      guard case .integer(let number) = value, 0...0xFF_FFFF ~= number else {
        throw .checkpoint(config.file, "token \(token) has no number in range")
      }
      vocabulary[Array(token.utf8)] = Int32(number)
    }
    return vocabulary
  }

  private func tokenizerJSON(
    _ path: String
  ) throws(DiffusionError) -> (
    BytePairEncoding, [(content: String, token: Int32, normalized: Bool)]
  ) {
    let config = try ConfigReader(path: path, limit: Self.largestFile)
    guard let model = try config.object("model"), let map = try model.object("vocab") else {
      throw .checkpoint(path, "model.vocab is missing")
    }
    try model.require("type", is: "BPE")
    try model.require("end_of_word_suffix", is: "</w>")
    try model.require("continuing_subword_prefix", is: "")
    try model.require("byte_fallback", is: false)
    try model.require("ignore_merges", is: false)
    try model.require("fuse_unk", is: false)
    guard case .array(let list) = model.present("merges") else {
      throw .checkpoint(path, "model.merges is missing")
    }
    var merges: [(left: [UInt8], right: [UInt8], place: String)] = []
    for (index, entry) in list.enumerated() {
      var pair: [[UInt8]] = []
      switch entry {
      case .string(let text):
        pair = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
          .map(Array.init)
      case .array(let parts):
        for case .string(let part) in parts { pair.append(Array(part.utf8)) }
      case .null, .bool, .integer, .number, .object: break
      }
      guard pair.count == 2 else {
        throw .checkpoint(path, "model.merges[\(index)] is not a pair")
      }
      merges.append((pair[0], pair[1], "model.merges[\(index)]"))
    }
    var added: [(content: String, token: Int32, normalized: Bool)] = []
    if case .array(let list) = config.present("added_tokens") {
      for case .object(let object) in list {
        let token = ConfigReader(file: path, object: object)
        added.append(
          (
            try token.string("content"), Int32(try token.integer("id", in: 0...0xFF_FFFF)),
            try token.bool("normalized", default: false)
          ))
      }
    }
    let encoding = try BytePairEncoding(
      file: path, vocabulary: Self.vocabulary(map),
      unknownToken: try model.string("unk_token", default: "<|endoftext|>"), merges: merges)
    return (encoding, added)
  }
}
