internal import CCLIPVocabulary

/// Reads a byte-pair encoding from `tokenizer.json`, or from `vocab.json` and `merges.txt` where
/// that is not there; or takes CLIP's own, which riffd has in it.
struct BytePairFiles {
  static let largestFile = 32 << 20

  private typealias Merges = [(left: [UInt8], right: [UInt8], place: String)]

  let encoding: BytePairEncoding
  /// What `tokenizer.json` lists beside it.
  let added: [(token: AddedToken, number: Int)]

  /// CLIP's: the bytes, the bytes at a word's end, every merge's result, begin and end, numbered in
  /// that order. Radford et al., 2021 (arXiv:2103.00020).
  init() throws(DiffusionError) {
    let file = "CLIP's merges"
    // A constant of the program.
    let bytes = Array(
      UnsafeBufferPointer(start: clip_vocabulary_merges(), count: clip_vocabulary_size()))
    let merges = try Self.merges(bytes, path: file)
    // Python's dict of them begins with the bytes that are their own symbols.
    let symbols = BytePairEncoding.byteSymbols
    let own = symbols.enumerated().filter { Self.isOwnSymbol($0.offset) }
    let spare = symbols.enumerated().filter { !Self.isOwnSymbol($0.offset) }
    let letters = (own + spare).map(\.element)
    var vocabulary: [[UInt8]: Int32] = [:]
    vocabulary.reserveCapacity(2 * letters.count + merges.count + 2)
    let words = [
      letters, letters.map { $0 + Array("</w>".utf8) }, merges.map { $0.left + $0.right },
    ]
    let special = ["<|startoftext|>", "<|endoftext|>"].map { Array($0.utf8) }
    for word in (words + [special]).joined() { vocabulary[word] = Int32(vocabulary.count) }
    encoding = try BytePairEncoding(
      file: file, vocabulary: vocabulary, unknownToken: "<|endoftext|>", merges: merges)
    added = []
  }

  private static func isOwnSymbol(_ byte: Int) -> Bool {
    switch byte {
    case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: true
    default: false
    }
  }

  /// `unknownToken` stands for bytes that the vocabulary lacks.
  init(folder: String, unknownToken: String) throws(DiffusionError) {
    let whole = "\(folder)/tokenizer.json"
    if CheckpointFile.exists(whole) {
      let config = try ConfigReader(path: whole, limit: Self.largestFile)
      guard let model = try config.object("model"), let map = try model.object("vocab") else {
        throw .checkpoint(whole, "model.vocab is missing")
      }
      encoding = try BytePairEncoding(
        file: whole, vocabulary: Self.vocabulary(map), unknownToken: unknownToken,
        merges: Self.merges(of: model))
      added = try Self.added(config)
    } else {
      let config = try ConfigReader(path: "\(folder)/vocab.json", limit: Self.largestFile)
      let merges = "\(folder)/merges.txt"
      encoding = try BytePairEncoding(
        file: merges, vocabulary: Self.vocabulary(config), unknownToken: unknownToken,
        merges: Self.merges(
          CheckpointFile(path: merges).contents(limit: Self.largestFile), path: merges))
      added = []
    }
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

  private static func merges(_ bytes: [UInt8], path: String) throws(DiffusionError) -> Merges {
    var merges: Merges = []
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      guard !line.isEmpty, !line.starts(with: "#version".utf8) else { continue }
      let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
        throw .checkpoint(path, "line \(index + 1) is not two tokens with a space between")
      }
      merges.append((Array(parts[0]), Array(parts[1]), "line \(index + 1)"))
    }
    return merges
  }

  private static func merges(of model: ConfigReader) throws(DiffusionError) -> Merges {
    try model.require("type", is: "BPE")
    try model.require("end_of_word_suffix", is: "</w>")
    try model.require("continuing_subword_prefix", is: "")
    try model.require("byte_fallback", is: false)
    try model.require("ignore_merges", is: false)
    try model.require("fuse_unk", is: false)
    guard case .array(let list) = model.present("merges") else {
      throw .checkpoint(model.file, "model.merges is missing")
    }
    var merges: Merges = []
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
        throw .checkpoint(model.file, "model.merges[\(index)] is not a pair")
      }
      merges.append((pair[0], pair[1], "model.merges[\(index)]"))
    }
    return merges
  }

  private static func added(
    _ config: ConfigReader
  ) throws(DiffusionError) -> [(token: AddedToken, number: Int)] {
    guard case .array(let list) = config.present("added_tokens") else { return [] }
    var added: [(token: AddedToken, number: Int)] = []
    for value in list {
      guard case .object(let object) = value else {
        throw config.failure("added_tokens", "holds \(value.kindName); objects are due")
      }
      let entry = ConfigReader(file: config.file, object: object)
      added.append(
        (
          try AddedToken(value, special: false, in: config, "added_tokens"),
          try entry.integer("id", in: 0...0xFF_FFFF)
        ))
    }
    return added
  }
}
